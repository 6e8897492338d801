import { currentState, failure, look, secret, tamper, textOf, type Mutant, type Mutants } from './mutation.js';

const isNumber = (version: string): boolean => /^[1-9]\d*$/.test(version);

/** Loses the metadata of an object that is written with, or without, a condition. */
const losingMetadata =
  (hasCondition: boolean): Mutant =>
  (real, vault) => ({
    put: async (call, name, content, condition) => {
      const receipt = await real.put(call, name, content, condition);
      if (hasCondition === (condition !== undefined)) tamper(vault, name, (object) => ({ ...object, metadata: {} }));
      return receipt;
    },
  });

export const PUT_MUTANTS: Mutants = {
  'creates by an update without condition': {
    alsoBreaks: 'much',
    mutant: (real) => ({
      put: async (call, name, content, condition) => {
        await real.describe(call, name);
        return real.put(call, name, content, condition);
      },
    }),
  },
  'replaces the whole content by an update': (real) => ({
    put: async (call, name, content, condition) => {
      const before = await real.read(call, name).catch(() => undefined);
      const isMerged = before !== undefined && textOf(before.content).includes('"old"');
      return real.put(call, name, isMerged ? secret(textOf(content).replace('{', '{"old":"1",')) : content, condition);
    },
  }),
  'keeps the metadata through updates': losingMetadata(false),
  'keeps the metadata through a conditional update': losingMetadata(true),
  'keeps one whole content of concurrent updates': (real) => ({
    put: (call, name, content, condition) =>
      real.put(call, name, secret(textOf(content).replace(/"\d":"x"/, '"9":"x"')), condition),
  }),
  'writes when the expected version is the current one': (real) => ({
    put: async (call, name, content, condition) => {
      const isLive = currentState(await look(real, call, name)) === 'live';
      if (isLive && condition?.expectedVersion === '2') throw failure('VERSION_CONFLICT', 'put');
      return real.put(call, name, content, condition);
    },
  }),
  'refuses a stale expected version with VERSION_CONFLICT and writes nothing': (real) => ({
    put: async (call, name, content, condition) => {
      const present = await look(real, call, name);
      const isStale = present?.versions.slice(0, -1).some((one) => one.version === condition?.expectedVersion);
      if (isStale && currentState(present) === 'live') await real.put(call, name, content);
      return real.put(call, name, content, condition);
    },
  }),
  'refuses an expected version that does not exist yet with VERSION_CONFLICT': (real) => ({
    put: async (call, name, content, condition) => {
      const present = await look(real, call, name);
      const isAhead = Number(condition?.expectedVersion) > Number(present?.currentVersion);
      return real.put(call, name, content, isAhead ? undefined : condition);
    },
  }),
  'refuses an expected version of an absent object with VERSION_CONFLICT and creates nothing': (real) => ({
    put: async (call, name, content, condition) => {
      const isIgnored = isNumber(condition?.expectedVersion ?? '') && !(await look(real, call, name));
      return real.put(call, name, content, isIgnored ? undefined : condition);
    },
  }),
  'refuses an expected version that is none with VERSION_CONFLICT': (real) => ({
    put: async (call, name, content, condition) =>
      condition?.expectedVersion === '0' ? real.create(call, name, content) : real.put(call, name, content, condition),
  }),
  'lets exactly one of many concurrent updates from one version win': (real) => ({
    put: async (call, name, content, condition) => {
      const isCurrent = condition && (await look(real, call, name))?.currentVersion === condition.expectedVersion;
      return real.put(call, name, content, isCurrent ? undefined : condition);
    },
  }),
  'compares with the newest version also when it is hidden': (real) => ({
    put: async (call, name, content, condition) => {
      const newestLive = (await look(real, call, name))?.versions.findLast((one) => one.state === 'live')?.version;
      const isAccepted = condition !== undefined && newestLive === condition.expectedVersion && newestLive === '1';
      const isHidden = currentState(await look(real, call, name)) === 'deleted';
      return real.put(call, name, content, isAccepted && isHidden ? undefined : condition);
    },
  }),
  'refuses a condition with UNSUPPORTED where it cannot be held': (real) => ({
    put: (call, name, content) => real.put(call, name, content),
  }),
};
