import type { ObjectDescription, VersionState } from '../../contract/index.js';
import { altered, currentState, failure, look, onFailure, tamper, type Mutant, type Mutants } from './mutation.js';

type Change = 'softDelete' | 'undelete' | 'destroy';

const versionIds = (description: ObjectDescription | undefined): readonly string[] =>
  description?.versions.map((one) => one.version) ?? [];

/** The operation acts on other versions than those named. */
const choosing =
  (
    operation: Change,
    choose: (versions: readonly string[], present: ObjectDescription | undefined) => readonly string[],
  ): Mutant =>
  (real) => ({
    [operation]: async (...[call, name, versions]: Parameters<typeof real.softDelete>) =>
      real[operation](call, name, choose(versions, await look(real, call, name))),
  });

/** The operation refuses versions that are in this state already. */
const insisting =
  (operation: Change, state: VersionState | undefined): Mutant =>
  (real) => ({
    [operation]: async (...[call, name, versions]: Parameters<typeof real.softDelete>) => {
      const present = await look(real, call, name);
      const stateOf = (version: string): VersionState | undefined =>
        present?.versions.find((one) => one.version === version)?.state;
      if (present && versions.some((version) => stateOf(version) === state)) throw failure('INVALID_STATE', operation);
      return real[operation](call, name, versions);
    },
  });

/** The operation takes an absent object for one where nothing is to be done. */
const overlookingAbsence = (operation: Change): Mutant =>
  onFailure(
    operation,
    (error) => error.vaultCode === 'NOT_FOUND',
    () => undefined,
  );

export const DELETION_MUTANTS: Mutants = {
  'hides the versions named and no others': choosing('softDelete', (versions, present) =>
    versions.length === 2 ? versionIds(present) : versions,
  ),
  'refuses a hidden version with VERSION_UNAVAILABLE and its state': onFailure(
    'read',
    (error) => error.details?.['state'] === 'deleted',
    (error, [, version]) => {
      throw version === undefined ? error : altered(error, { details: {} });
    },
  ),
  'never falls back to an older version when the newest is hidden': (real) => ({
    read: async (call, name, version) => {
      const present = version === undefined ? await look(real, call, name) : undefined;
      const older = present?.versions.findLast((one) => one.state === 'live')?.version;
      return real.read(call, name, currentState(present) === 'deleted' ? older : version);
    },
  }),
  'hides again what is hidden, without an error': insisting('softDelete', 'deleted'),
  'leaves alone versions to hide that are unknown': insisting('softDelete', undefined),
  'hides nothing when no version is named': choosing('softDelete', (versions, present) =>
    versions.length === 0 ? versionIds(present).slice(-1) : versions,
  ),
  'refuses to hide versions of an absent object with NOT_FOUND': overlookingAbsence('softDelete'),
  'brings hidden versions back with their content': choosing('undelete', (versions, present) =>
    versions.length === 2 ? versionIds(present) : versions,
  ),
  'brings back what is live or unknown, without an error': insisting('undelete', 'live'),
  'refuses to bring versions of an absent object back with NOT_FOUND': overlookingAbsence('undelete'),
  'writes a live version over a hidden one': (real) => ({
    put: async (call, name, content, condition) => {
      const receipt = await real.put(call, name, content, condition);
      const hidden = (await look(real, call, name))?.versions.filter((one) => one.state === 'deleted');
      if (hidden?.length)
        await real.undelete(
          call,
          name,
          hidden.map((one) => one.version),
        );
      return receipt;
    },
  }),
  'destroys the versions named and no others': choosing('destroy', (versions, present) =>
    versions.length === 2 ? versionIds(present) : versions,
  ),
  'refuses a destroyed version with VERSION_UNAVAILABLE and its state': onFailure(
    'read',
    (error) => error.details?.['state'] === 'destroyed',
    (error, [, version]) => {
      throw version === undefined ? altered(error, { details: { state: 'deleted' } }) : error;
    },
  ),
  'destroys again what is destroyed, without an error': insisting('destroy', 'destroyed'),
  'refuses to destroy versions of an absent object with NOT_FOUND': overlookingAbsence('destroy'),
  'keeps what is destroyed destroyed, whatever is brought back or hidden': (real, vault) => ({
    softDelete: async (call, name, versions) => {
      await real.softDelete(call, name, versions);
      tamper(vault, name, (object) => ({
        ...object,
        versions: object.versions.map((one) => (one.state === 'destroyed' ? { ...one, state: 'deleted' } : one)),
      }));
    },
  }),
  'destroys a hidden version': (real) => ({
    destroy: async (call, name, versions) => {
      const states = (await look(real, call, name))?.versions.map((one) => one.state) ?? [];
      if (!states.includes('deleted')) await real.destroy(call, name, versions);
    },
  }),
  'refuses to hide or bring back with UNSUPPORTED where it cannot': () => ({ softDelete: async () => undefined }),
  'refuses to destroy a version with UNSUPPORTED where it cannot': () => ({ destroy: async () => undefined }),
  'purges an object with all that it has': (real, vault) => ({
    purge: async (call, name) => {
      const states = (await look(real, call, name))?.versions.map((one) => one.state) ?? [];
      if (states.join() !== 'live,live') return real.purge(call, name);
      return tamper(vault, name, (object) => ({ ...object, versions: object.versions.slice(0, 1) }));
    },
  }),
  'purges an object whose versions are all hidden': (real) => ({
    purge: async (call, name) => {
      if (currentState(await look(real, call, name)) !== 'deleted') await real.purge(call, name);
    },
  }),
  'purges what is absent, without an error': (real, vault) => ({
    purge: async (call, name) => {
      const isFound = [...vault.snapshot().keys()].some((one) => one === name || one.startsWith(`${name}/`));
      await real.purge(call, name);
      if (!isFound) throw failure('NOT_FOUND', 'purge');
    },
  }),
  'purges nothing when only a folder has the name': (real, vault) => ({
    purge: async (call, name) => {
      const stored = [...vault.snapshot().keys()];
      const below = stored.includes(name) ? [] : stored.filter((one) => one.startsWith(`${name}/`));
      for (const one of [name, ...below]) await real.purge(call, one);
    },
  }),
  'creates anew after a purge, without the old metadata': (real) => {
    const old = new Map<string, Readonly<Record<string, string>>>();
    return {
      purge: async (call, name) => {
        old.set(name, (await look(real, call, name))?.metadata ?? {});
        await real.purge(call, name);
      },
      create: (call, name, content, metadata) => real.create(call, name, content, { ...old.get(name), ...metadata }),
    };
  },
  'creates anew after a purge, without the old versions': (real) => {
    const old = new Map<string, ObjectDescription['versions']>();
    return {
      purge: async (call, name) => {
        old.set(name, (await look(real, call, name))?.versions ?? []);
        await real.purge(call, name);
      },
      describe: async (call, name) => {
        const description = await real.describe(call, name);
        return { ...description, versions: [...(old.get(name) ?? []), ...description.versions] };
      },
    };
  },
};
