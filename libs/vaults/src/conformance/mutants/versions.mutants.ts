import { failure, look, onFailure, textOf, type Mutants } from './mutation.js';

const isNumber = (version: unknown): boolean => /^[1-9]\d*$/.test(String(version));

export const VERSION_MUTANTS: Mutants = {
  'reads every version by the id that its write gave': (real) => ({
    read: async (call, name, version) => {
      const isOffByOne = version === '2' && (await look(real, call, name))?.versions.length === 5;
      return real.read(call, name, isOffByOne ? '1' : version);
    },
  }),
  'names the version that a read of an old one gives': (real) => ({
    read: async (call, name, version) => {
      const result = await real.read(call, name, version);
      return version === undefined ? result : { ...result, version: (await look(real, call, name))?.currentVersion };
    },
  }),
  'reads the newest version when none is named': (real) => ({
    read: async (call, name, version) => {
      const result = await real.read(call, name, version);
      return version === undefined && result.version === '3' ? { ...result, version: '1' } : result;
    },
  }),
  'describes the current version and all else where no other is asked for': (real) => ({
    describe: async (call, name, versions) => {
      const found = await real.describe(call, name, versions);
      return versions === 'current' ? { ...found, versions: [] } : found;
    },
  }),
  'gives each write a version of its own, also for equal content': (real) => ({
    put: async (call, name, content, condition) => {
      const present = await real.read(call, name).catch(() => undefined);
      const isEqual = present !== undefined && textOf(present.content) === textOf(content);
      if (isEqual && !condition) return { version: present.version };
      return real.put(call, name, content, condition);
    },
  }),
  'gives concurrent updates versions of their own, each readable': (real) => ({
    put: async (call, name, content, condition) => {
      const receipt = await real.put(call, name, content, condition);
      return condition ? receipt : { version: (await look(real, call, name))?.currentVersion };
    },
  }),
  'describes the versions in ascending order, the current one last': (real) => ({
    describe: async (call, name) => {
      const { versions, ...rest } = await real.describe(call, name);
      const isTurned = versions.length === 4 && versions.every((one) => one.state === 'live');
      return { ...rest, versions: isTurned ? [...versions].reverse() : versions };
    },
  }),
  'orders versions by their number beyond nine': (real) => ({
    describe: async (call, name) => {
      const { versions, ...rest } = await real.describe(call, name);
      return { ...rest, versions: [...versions].sort((a, b) => (a.version < b.version ? -1 : 1)) };
    },
  }),
  'tells when versions were made, never backwards': (real) => ({
    describe: async (call, name) => {
      const { versions, ...rest } = await real.describe(call, name);
      return { ...rest, versions: versions.map((one, index) => ({ ...one, createdAt: new Date(-index) })) };
    },
  }),
  'refuses a version that another object has with VERSION_NOT_FOUND': (real) => ({
    read: (call, name, version) =>
      real.read(call, name, version).catch((error: { vaultCode: string }) => {
        if (error.vaultCode === 'VERSION_NOT_FOUND' && isNumber(version)) return real.read(call, name);
        throw error;
      }),
  }),
  'refuses a version that is none with VERSION_NOT_FOUND': (real) => ({
    read: (call, name, version) => real.read(call, name, version === '0' ? undefined : version),
  }),
  'refuses a version of an absent object with NOT_FOUND': onFailure(
    'read',
    (error) => error.vaultCode === 'NOT_FOUND',
    (error, [, version]) => {
      throw version === undefined ? error : failure('VERSION_NOT_FOUND', 'read');
    },
  ),
  'refuses to read a version with UNSUPPORTED where none is kept': (real) => ({
    read: (call, name) => real.read(call, name),
  }),
  'keeps as many versions as the card says, and prunes the oldest': (real) => ({
    describe: async (call, name) => {
      const { versions, ...rest } = await real.describe(call, name);
      return { ...rest, versions: versions.length === 10 ? versions.slice(1) : versions };
    },
  }),
  'refuses a pruned version with VERSION_NOT_FOUND': onFailure(
    'read',
    (error) => error.vaultCode === 'VERSION_NOT_FOUND',
    (error, [, version]) => {
      throw version === '1' ? failure('VERSION_UNAVAILABLE', 'read') : error;
    },
  ),
  'refuses to read or describe what is absent with NOT_FOUND': {
    alsoBreaks: 'much',
    mutant: onFailure(
      'describe',
      (error) => error.vaultCode === 'NOT_FOUND',
      () => ({ currentVersion: undefined, versions: [], metadata: {} }),
    ),
  },
  'describes without content': (real) => ({
    describe: async (call, name) => {
      const content = await real.read(call, name).then(
        (result) => textOf(result.content),
        () => undefined,
      );
      const description = await real.describe(call, name);
      return content?.includes('password') ? { ...description, content } : description;
    },
  }),
};
