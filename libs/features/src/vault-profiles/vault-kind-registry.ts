import { Inject, Injectable } from '@nestjs/common';
import { SecretValue } from '@claviger/kernel';
import { VAULT_KINDS, type InstanceSettings, type VaultKind } from '@claviger/vaults/contract';
import { inputInvalid, problemsOf } from './input-problems.js';
import { vaultKindUnknown } from './vault-profiles.errors.js';

/** Settings of an instance as they were given or stored, before the kind has parsed them. */
export type RawSettings = Omit<InstanceSettings, 'config'> & { readonly config: Readonly<Record<string, unknown>> };

/** The kinds of vault that this installation knows. */
@Injectable()
export class VaultKindRegistry {
  readonly #kinds: ReadonlyMap<string, VaultKind>;

  constructor(@Inject(VAULT_KINDS) kinds: readonly VaultKind[]) {
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
  }

  list(): readonly VaultKind[] {
    return [...this.#kinds.values()];
  }

  /** @throws AppError VAULT_KIND_UNKNOWN naming the kinds there are */
  get(kind: string): VaultKind {
    const found = this.#kinds.get(kind);
    if (!found) throw vaultKindUnknown([...this.#kinds.keys()]);
    return found;
  }

  /** Checks settings against the kind's schemas and fills in defaults. @throws AppError INPUT_INVALID; quotes nothing */
  parse(kind: VaultKind, raw: RawSettings): InstanceSettings {
    const config = kind.configSchema.safeParse(raw.config);
    const credentials = kind.credentialsSchema.safeParse(raw.credentials.reveal());
    if (!config.success || !credentials.success)
      throw inputInvalid([
        ...(config.success ? [] : problemsOf(kind.configSchema, config.error, '/config')),
        ...(credentials.success ? [] : problemsOf(kind.credentialsSchema, credentials.error, '/credentials')),
      ]);
    const { storeId, id, name } = raw;
    return { storeId, id, name, config: config.data, credentials: new SecretValue(credentials.data) };
  }
}
