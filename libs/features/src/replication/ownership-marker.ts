import { Injectable } from '@nestjs/common';
import { Keyring } from '@claviger/platform/crypto';

/** Metadata keys with this prefix are Claviger's own: hidden from readers and kept on replacement. */
export const RESERVED_METADATA_PREFIX = 'claviger_';
const OWNER = `${RESERVED_METADATA_PREFIX}owner`;

export type OwnedPlace = {
  readonly serverIdentity: string;
  readonly physicalName: string;
  readonly secretId: string;
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

  /** The metadata to store with an object. */
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
    const mac = this.keyring.mac(storeId, 'ownership', keyId);
    const text = JSON.stringify([storeId, place.serverIdentity, place.physicalName, place.secretId]);
    return `${mac.keyId}.${mac.hmac(text).toString('base64url')}`;
  }
}
