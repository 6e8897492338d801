import { Injectable } from '@nestjs/common';
import { Keyring } from '@claviger/platform/crypto';
import type { VaultCapabilities } from '@claviger/vaults/contract';

/** Metadata keys with this prefix are Claviger's own: hidden from readers and kept on replacement. */
export const RESERVED_METADATA_PREFIX = 'claviger_';
const OWNER = `${RESERVED_METADATA_PREFIX}owner`;
const PLACE = `${RESERVED_METADATA_PREFIX}place`;

export type OwnedPlace = {
  readonly serverIdentity: string;
  readonly physicalName: string;
  readonly secretId: string;
};

/** What an object of ours is marked with. */
export type Marks = {
  /** The metadata to store with it; empty where the vault holds none. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The part of it that every secret at this place has in common. Only where a deleted object waits in its place: it is
   * the proof that a new secret, which has claimed the place, may bring that object back and write over it.
   */
  readonly reclaim: Readonly<Record<string, string>>;
};

/** What metadata says about who owns an object. */
export type MarkerVerdict = 'ours' | 'foreign' | 'unmarked';

/**
 * The proof, kept in a vault's metadata beside the content, that an object is Claviger's: a keyed hash over the place
 * and the secret, so that it cannot be made without the store's key nor copied to another place.
 */
@Injectable()
export class OwnershipMarker {
  constructor(private readonly keyring: Keyring) {}

  /** What an object is marked with in a vault of these abilities. */
  marks(
    storeId: string,
    place: OwnedPlace,
    { metadata, immediatePurge }: Pick<VaultCapabilities, 'metadata' | 'immediatePurge'>,
  ): Marks {
    if (!metadata) return { metadata: {}, reclaim: {} };
    const owner = this.metadata(storeId, place);
    if (immediatePurge) return { metadata: owner, reclaim: {} };
    const reclaim = { [PLACE]: this.#mac(storeId, [storeId, place.serverIdentity, place.physicalName]) };
    return { metadata: { ...owner, ...reclaim }, reclaim };
  }

  /** The metadata that says whose an object is. */
  metadata(storeId: string, place: OwnedPlace): Readonly<Record<string, string>> {
    return { [OWNER]: this.#mark(storeId, place) };
  }

  /** What an object's metadata says about who owns it. */
  judge(storeId: string, place: OwnedPlace, metadata: Readonly<Record<string, string>>): MarkerVerdict {
    const found = metadata[OWNER];
    if (found === undefined) return 'unmarked';
    const keyId = found.slice(0, found.indexOf('.'));
    try {
      return found === this.#mark(storeId, place, keyId) ? 'ours' : 'foreign';
    } catch {
      // A marker of a key that we do not have is somebody else's.
      return 'foreign';
    }
  }

  #mark(storeId: string, place: OwnedPlace, keyId?: string): string {
    return this.#mac(storeId, [storeId, place.serverIdentity, place.physicalName, place.secretId], keyId);
  }

  #mac(storeId: string, parts: readonly string[], keyId?: string): string {
    const mac = this.keyring.mac(storeId, 'ownership', keyId);
    return `${mac.keyId}.${mac.hmac(JSON.stringify(parts)).toString('base64url')}`;
  }
}
