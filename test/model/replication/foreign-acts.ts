import { SecretValue } from '@claviger/kernel';
import { UNFIT_TEXT, type ModelSecret } from './model-source.js';
import type { ForeignAct } from './model-step.js';
import { PLACE, type ModelVault } from './model-vault.js';

type Act = (vault: ModelVault, secret: ModelSecret | undefined) => Promise<void>;

/** The marker of an installation that is not ours. */
export const FOREIGN_MARKER = 'another/claviger';

let written = 0;

const write =
  (textOf: (secret: ModelSecret | undefined) => string | undefined): Act =>
  (vault, secret) =>
    vault.foreign(async (adapter, call) => {
      const text = textOf(secret);
      if (text !== undefined) await adapter.put(call, PLACE, new SecretValue(text));
    });

const onNewest =
  (operation: 'softDelete' | 'undelete' | 'destroy'): Act =>
  (vault) =>
    vault.foreign(async (adapter, call) => {
      const newest = vault.object?.versions.at(-1);
      if (newest) await adapter[operation](call, PLACE, [String(newest.number)]);
    });

const replace =
  (metadata: Readonly<Record<string, string>>): Act =>
  async (vault) => {
    await vault.foreign((adapter, call) => adapter.purge(call, PLACE));
    const text = new SecretValue(theirs());
    await vault.foreign((adapter, call) =>
      adapter.create(call, PLACE, text, vault.capabilities.metadata ? metadata : {}),
    );
  };

const theirs = (): string => `{"foreign":${(written += 1)}}`;

/** What a foreigner does at a place, by its name. */
export const foreignActs: Readonly<Record<ForeignAct, Act>> = {
  writes: write(theirs),
  'writes what no secret can hold': write(() => UNFIT_TEXT),
  'writes the current content': write((secret) => secret?.versions.at(-1)?.text),
  'writes the first content': write((secret) => secret?.versions[0]?.text),
  purges: (vault) => vault.foreign((adapter, call) => adapter.purge(call, PLACE)),
  'puts an object of its own in place of what is there': replace({ team: 'theirs' }),
  'puts an object with a foreign marker in place of what is there': replace({ claviger_owner: FOREIGN_MARKER }),
  'leaves metadata only': async (vault) => {
    if (vault.capabilities.metadata && !vault.object)
      vault.foreignObject({ metadata: { team: 'theirs' }, versions: [], lastNumber: 0 });
  },
  'deletes the newest version': onNewest('softDelete'),
  'undeletes the newest version': onNewest('undelete'),
  'destroys the newest version': onNewest('destroy'),
  'adds metadata': (vault) =>
    vault.foreign(async (adapter, call) => {
      if (vault.capabilities.metadata) await adapter.setMetadata(call, PLACE, { team: 'theirs' });
    }),
  'strips the metadata': async (vault) => {
    const { object } = vault;
    if (vault.capabilities.metadata && object) vault.foreignObject({ ...object, metadata: {} });
  },
};
