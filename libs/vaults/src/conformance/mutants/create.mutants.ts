import { currentState, failure, look, textOf, type Mutant, type Mutants } from './mutation.js';

/** Writes over an object whose newest version is in this state. */
const creatingOver =
  (state: 'deleted' | 'destroyed'): Mutant =>
  (real) => ({
    create: async (call, name, content, metadata) =>
      currentState(await look(real, call, name)) === state
        ? real.put(call, name, content)
        : real.create(call, name, content, metadata),
  });

/** Looks first and writes then, so that others come between. */
const lookingFirst =
  (hasMetadata: boolean): Mutant =>
  (real) => ({
    create: async (call, name, content, metadata) => {
      const isPresent = await look(real, call, name);
      if (isPresent || hasMetadata !== (metadata !== undefined)) return real.create(call, name, content, metadata);
      const receipt = await real.put(call, name, content);
      if (metadata) await real.setMetadata(call, name, metadata);
      return receipt;
    },
  });

/** Takes an object without versions for its own interrupted creation, when its metadata passes this test. */
const resuming =
  (isOurs: (theirs: Record<string, string>, ours: Record<string, string>) => boolean): Mutant =>
  (real) => ({
    create: async (call, name, content, metadata) => {
      const present = await look(real, call, name);
      if (present?.versions.length !== 0 || !isOurs(present.metadata, metadata ?? {})) {
        return real.create(call, name, content, metadata);
      }
      return real.put(call, name, content);
    },
  });

export const CREATE_MUTANTS: Mutants = {
  'creates what is absent': {
    alsoBreaks: 'much',
    mutant: () => ({ create: async () => ({ version: '1' }) }),
  },
  'gives the version that a creation made': (real) => ({
    describe: async (call, name) => {
      const description = await real.describe(call, name);
      return description.versions.length === 1 ? { ...description, currentVersion: '0' } : description;
    },
  }),
  'gives no version where none is kept': (real) => ({
    put: async (...args) => ({ ...(await real.put(...args)), version: '1' }),
  }),
  'refuses to create what exists with ALREADY_EXISTS and leaves its content': (real) => ({
    create: async (call, name, content, metadata) => {
      if (!metadata && currentState(await look(real, call, name)) === 'live') await real.put(call, name, content);
      return real.create(call, name, content, metadata);
    },
  }),
  'refuses to create again with equal content and metadata': (real) => ({
    create: async (call, name, content, metadata) => {
      const present = metadata && (await real.read(call, name).catch(() => undefined));
      if (present && textOf(present.content) === textOf(content)) return { version: present.version };
      return real.create(call, name, content, metadata);
    },
  }),
  'leaves the metadata of what exists when a creation is refused': (real) => ({
    create: async (call, name, content, metadata) => {
      if (metadata && currentState(await look(real, call, name))) await real.setMetadata(call, name, metadata);
      return real.create(call, name, content, metadata);
    },
  }),
  'refuses to create over an object whose only version is hidden': creatingOver('deleted'),
  'refuses to create over an object whose only version is destroyed': creatingOver('destroyed'),
  'lets exactly one of many concurrent creations win, and keeps its content': lookingFirst(false),
  'lets exactly one of many concurrent creations with metadata win': lookingFirst(true),
  'stores metadata with a creation': (real) => ({
    create: (call, name, content, { managed_by: _, ...metadata } = {}) => real.create(call, name, content, metadata),
  }),
  'refuses metadata with UNSUPPORTED where none can be stored': (real) => ({
    create: (call, name, content) => real.create(call, name, content),
  }),
  'resumes its own interrupted creation': (real) => ({
    create: async (call, name, content, metadata) => {
      if (await look(real, call, name)) throw failure('ALREADY_EXISTS', 'create');
      return real.create(call, name, content, metadata);
    },
  }),
  "refuses to resume another's interrupted creation with ALREADY_EXISTS": resuming(
    (theirs, ours) => Object.keys(theirs).join() === Object.keys(ours).join(),
  ),
  'refuses to resume a creation whose metadata only begins like its own': resuming(
    (theirs, ours) => Object.keys(ours).length > 0 && Object.keys(ours).every((key) => theirs[key] === ours[key]),
  ),
  'describes an interrupted creation as an object without versions': (real) => ({
    describe: async (call, name) => {
      const description = await real.describe(call, name);
      return description.versions.length === 0 ? { ...description, currentVersion: '0' } : description;
    },
  }),
};
