import { look, tamper, type Mutants } from './mutation.js';

export const METADATA_MUTANTS: Mutants = {
  'sets metadata on an object that has none': (real) => ({
    setMetadata: async (call, name, patch) => {
      const metadata = (await look(real, call, name))?.metadata ?? { none: '' };
      const isFirst = Object.keys(metadata).length === 0;
      await real.setMetadata(call, name, isFirst && patch['first'] ? {} : patch);
    },
  }),
  'leaves the metadata keys that a patch does not name': (real, vault) => ({
    setMetadata: async (call, name, patch) => {
      await real.setMetadata(call, name, patch);
      tamper(vault, name, (object) => ({ ...object, metadata: { ...patch } }));
    },
  }),
  'writes no version when metadata is set': (real) => ({
    setMetadata: async (call, name, patch) => {
      await real.setMetadata(call, name, patch);
      await real.put(call, name, (await real.read(call, name)).content);
    },
  }),
  'refuses metadata of an absent object with NOT_FOUND and creates nothing': (real, vault) => ({
    setMetadata: async (call, name, patch) => {
      if (!vault.snapshot().has(name)) tamper(vault, name, (object) => ({ ...object, metadata: { ...patch } }));
      await real.setMetadata(call, name, patch);
    },
  }),
  'refuses to set metadata with UNSUPPORTED where none can be stored': () => ({ setMetadata: async () => undefined }),
  'keeps the metadata of one object from another': (real, vault) => ({
    setMetadata: async (call, name, patch) => {
      const names = [...vault.snapshot().keys()];
      for (const one of names.includes(name) ? names : [name]) await real.setMetadata(call, one, patch);
    },
  }),
};
