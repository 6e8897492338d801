import { AppError, SecretValue, type RequestContext } from '@claviger/kernel';
import { VaultError, type VaultContent, type VaultErrorCode } from '@claviger/vaults/contract';
import type {
  ReplicatedSecret,
  ReplicationSource,
  SourceContent,
} from '../../../libs/features/src/replication/replication-source.js';

export type ModelVersion = {
  readonly number: number;
  readonly text: string;
  state: 'live' | 'deleted' | 'destroyed';
  /** Where it is managed, and its id there; without it the source is nowhere in particular, and holds what it should. */
  at?: ModelPlace;
};

/** A vault as the source sees it. */
export type ModelPlace = { readonly profileId: string; readonly backendVersion: string | null };

export type ModelSecret = {
  readonly id: string;
  state: 'active' | 'deleting' | 'deleted';
  isDisabled: boolean;
  /** How often it was disabled or enabled. */
  toggles: number;
  readonly versions: ModelVersion[];
  /** The profile that is the source, where that is one of the model's vaults. */
  sourceProfileId?: string;
};

/** The fingerprint of a content's text in the model: legible, and as injective as the real one. */
export const fingerprintOf = (text: string): string => `fp:${text}`;

/** Text that no secret can hold. */
export const UNFIT_TEXT = '{"a":1,"a":2}';

/** The secrets room and the vault of the sources: one living secret at a time. */
export class ModelSource {
  secrets: ModelSecret[] = [];
  /** The source vault keeps old versions. */
  keepsVersions = true;
  /** Thrown at the next reads, one each. */
  readonly faults: VaultErrorCode[] = [];
  reads = 0;
  /** The text that a place holds under that id, where the sources are vaults of the model. */
  textAt: ((place: ModelPlace) => string | undefined) | undefined;

  get current(): ModelSecret | undefined {
    return this.secrets.find(({ state }) => state !== 'deleted');
  }

  get active(): ModelSecret | undefined {
    return this.secrets.find(({ state }) => state === 'active');
  }

  /** @throws AppError when a restored database does not know it */
  get(secretId: string): ModelSecret {
    const found = this.secrets.find(({ id }) => id === secretId);
    if (found) return found;
    throw new AppError({ code: 'SECRET_NOT_FOUND', kind: 'not_found', message: 'There is no such secret.' });
  }

  /** As one process sees it. */
  port(pass: (what: string) => Promise<void>): ReplicationSource {
    return {
      find: async (_ctx, secretId): Promise<ReplicatedSecret | undefined> => {
        const found = this.secrets.find(({ id }) => id === secretId);
        return found && { id: secretId, type: 'generic', isDisabled: found.isDisabled };
      },
      read: (_ctx, secretId, version) => this.#read(secretId, version, pass),
      fingerprint: (_ctx: RequestContext, _secret: ReplicatedSecret, content: VaultContent) =>
        foundFingerprint(content),
      fingerprints: (_ctx: RequestContext, _secret: ReplicatedSecret, content: VaultContent) => [
        foundFingerprint(content),
      ],
      findVersion: async (_ctx, secretId, fingerprints) =>
        this.get(secretId).versions.findLast(({ text }) => fingerprints.includes(fingerprintOf(text)))?.number,
      lock: async () => undefined,
      allTargetsGone: async (_ctx, secretId) => this.ended(secretId, 0),
    };
  }

  /** A target of the secret has ended, and so many are left. */
  ended(secretId: string, left: number): void {
    const secret = this.get(secretId);
    if (left === 0 && secret.state === 'deleting') secret.state = 'deleted';
  }

  async #read(secretId: string, number: number, pass: (what: string) => Promise<void>): Promise<SourceContent> {
    this.reads += 1;
    const wanted = this.get(secretId).versions[number - 1];
    if (
      !wanted ||
      wanted.state !== 'live' ||
      (!this.textAt && !this.keepsVersions && wanted !== this.get(secretId).versions.at(-1))
    )
      throw new AppError({ code: 'VERSION_UNAVAILABLE', kind: 'gone', message: `Version ${number} cannot be read.` });
    await pass('source read');
    const code = this.faults.shift();
    if (code) throw new VaultError({ code, message: 'Injected at the source.', backend: 'model', operation: 'read' });
    if (this.textAt) return this.#found(this.textAt, secretId, number);
    // A source without versions gives what is there when it answers.
    const found = this.keepsVersions ? wanted : this.get(secretId).versions.at(-1)!;
    return { content: new SecretValue(found.text), fingerprint: fingerprintOf(found.text) };
  }

  /** As it is managed when the vault answers, wherever that is by then. @throws AppError for anything else */
  #found(textAt: (place: ModelPlace) => string | undefined, secretId: string, number: number): SourceContent {
    const { versions } = this.get(secretId);
    const current = versions.at(-1)!;
    // A database that was put back meanwhile may not know it.
    const wanted = versions[number - 1] ?? current;
    const text = textAt(wanted.at!);
    const found = [wanted, current].find((version) => version.text === text);
    if (found) return { content: new SecretValue(found.text), fingerprint: fingerprintOf(found.text) };
    throw new AppError({ code: 'SOURCE_DRIFTED', kind: 'conflict', message: `Version ${number} is not there.` });
  }
}

/** What replicas of a secret should hold. */
export function desiredOf(secret: ModelSecret): {
  version: number;
  fingerprint: string;
  presence: 'present' | 'hidden' | 'absent';
} {
  const current = secret.versions.at(-1)!;
  const presence = secret.state !== 'active' ? 'absent' : current.state === 'live' ? 'present' : 'hidden';
  return { version: current.number, fingerprint: fingerprintOf(current.text), presence };
}

/** @throws AppError for what no secret can hold */
function foundFingerprint(content: VaultContent): string {
  const text = content.reveal();
  if (text === UNFIT_TEXT) throw new AppError({ code: 'CONTENT_INVALID_JSON', kind: 'invalid', message: 'Unfit.' });
  return fingerprintOf(text);
}
