import { SecretValue } from '@claviger/kernel';
import type { ModelPlace, ModelSecret, ModelVersion } from './model-source.js';
import { HOME } from './model-step.js';
import { PLACE, type ModelVault } from './model-vault.js';
import { markerOf } from './model-watch.js';

const SUPPORT = { deleted: 'softDelete', live: 'softDelete', destroyed: 'destroyVersion' } as const;
const OPERATIONS = { deleted: 'softDelete', live: 'undelete', destroyed: 'destroy' } as const;

/** What Claviger does at the vault of a secret's source when a user asks for it; it takes effect at once. */
export class SourceActs {
  constructor(private readonly vaults: readonly ModelVault[]) {}

  /** The vault that is the secret's source. */
  vaultOf({ sourceProfileId }: ModelSecret): ModelVault {
    return this.#vault(sourceProfileId!);
  }

  /** True where a change needs no call over the network, so that it never waits for another one. */
  isLocal(secret: ModelSecret): boolean {
    return this.vaultOf(secret) === this.vaults[HOME];
  }

  textAt({ profileId, backendVersion }: ModelPlace): string | undefined {
    return this.#vault(profileId).textAt(backendVersion);
  }

  /** Puts a new secret's content at home, over whatever is there. */
  async create(secret: ModelSecret): Promise<void> {
    const vault = this.vaults[HOME]!;
    vault.isRetained = false;
    await this.purge(vault, secret);
    await this.write(secret, secret.versions.at(-1)!);
  }

  /** Writes a version's content, also over what others put there. */
  async write(secret: ModelSecret, version: ModelVersion): Promise<void> {
    const vault = this.vaultOf(secret);
    const { capabilities } = vault;
    const text = new SecretValue(version.text);
    const marker: Record<string, string> = capabilities.metadata ? { claviger_owner: markerOf(secret) } : {};
    await vault.byUser({ secretId: secret.id, number: version.number }, async (adapter, call) => {
      if (!vault.object?.versions.length) await adapter.purge(call, PLACE);
      if (!vault.object) return adapter.create(call, PLACE, text, marker);
      if (capabilities.metadata) await adapter.setMetadata(call, PLACE, marker);
      return adapter.put(call, PLACE, text);
    });
    const backendVersion = capabilities.versionedReads ? String(vault.object!.lastNumber) : null;
    version.at = { profileId: vault.profileId, backendVersion };
  }

  /** Hides, brings back or erases the current version. False when the vault cannot, or has it no more. */
  async changeVersion(secret: ModelSecret, to: ModelVersion['state']): Promise<boolean> {
    const { at, number, text } = secret.versions.at(-1)!;
    const vault = this.#vault(at!.profileId);
    const found = vault.object?.versions.find((one) => String(one.number) === at!.backendVersion);
    // Another object in the place of ours has versions of the same ids.
    if (!vault.capabilities[SUPPORT[to]] || found?.text !== text || !this.#isOurs(vault, secret)) return false;
    await vault.byUser({ secretId: secret.id, number }, (adapter, call) =>
      adapter[OPERATIONS[to]](call, PLACE, [at!.backendVersion!]),
    );
    return true;
  }

  /** Removes the object at the source of a secret that is deleted. False when it is not ours. */
  async remove(secret: ModelSecret): Promise<boolean> {
    const vault = this.vaultOf(secret);
    if (vault.object && !this.#isOurs(vault, secret)) return false;
    await this.purge(vault, secret);
    return true;
  }

  /** Whether the source holds what it should, as far as that can be read. */
  isDrifted(secret: ModelSecret): boolean {
    const { at, state, text } = secret.versions.at(-1)!;
    return state === 'live' && (this.textAt(at!) !== text || this.vaultOf(secret).readable !== text);
  }

  async purge(vault: ModelVault, secret: ModelSecret): Promise<void> {
    if (!vault.object) return;
    const version = { secretId: secret.id, number: secret.versions.length };
    await vault.byUser(version, (adapter, call) => adapter.purge(call, PLACE));
  }

  #isOurs(vault: ModelVault, secret: ModelSecret): boolean {
    const owner = vault.object?.metadata['claviger_owner'];
    if (vault.capabilities.metadata && owner !== undefined) return owner === markerOf(secret);
    return vault.readable === undefined || secret.versions.some(({ text }) => text === vault.readable);
  }

  #vault(profileId: string): ModelVault {
    return this.vaults.find((vault) => vault.profileId === profileId)!;
  }
}
