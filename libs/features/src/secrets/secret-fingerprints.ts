import { Injectable } from '@nestjs/common';
import { isAppError } from '@claviger/kernel';
import { Keyring, type NamedMac } from '@claviger/platform/crypto';
import { canonicalJson, parseContent, type JsonObject, type VaultContent } from '@claviger/vaults/contract';
import {
  displayFingerprint,
  fingerprint,
  fingerprintKeyId,
  sameFingerprint,
  type SecretType,
} from './content/index.js';

/** Fingerprints under a store's keys. */
@Injectable()
export class SecretFingerprints {
  constructor(private readonly keyring: Keyring) {}

  /** The store-wide fingerprint of content as a type; with `like`, under the key that this fingerprint was made with. */
  of(storeId: string, type: SecretType, content: VaultContent, like?: string): string {
    return this.ofParsed(storeId, type, parseContent(content.reveal()), like);
  }

  /** The same of content that was parsed already. */
  ofParsed(storeId: string, type: SecretType, parsed: JsonObject, like?: string): string {
    return fingerprint(this.#mac(storeId, like), type, canonicalJson(parsed));
  }

  /**
   * The same of content that somebody else may have put into a vault: what no secret can hold has a fingerprint too, and
   * it is that of no secret's content.
   */
  ofFound(storeId: string, type: SecretType, content: VaultContent, like?: string): string {
    try {
      return this.of(storeId, type, content, like);
    } catch (error) {
      if (!isAppError(error) || (error.kind !== 'invalid' && error.kind !== 'too_large')) throw error;
      // Canonical text is valid JSON within the limits, and this is not.
      return fingerprint(this.#mac(storeId, like), type, content.reveal());
    }
  }

  /** True when content has this fingerprint. */
  matches(storeId: string, type: SecretType, content: VaultContent, expected: string): boolean {
    return sameFingerprint(this.ofFound(storeId, type, content, expected), expected);
  }

  /** The fingerprint that people are shown: keyed per secret, so that equal values of two secrets look different. */
  display(storeId: string, secretId: string, stored: string): string {
    return displayFingerprint(this.#mac(storeId, stored), secretId, stored);
  }

  /** The key that a fingerprint was made with; without one, the key in force. */
  #mac(storeId: string, like: string | undefined): NamedMac {
    return this.keyring.mac(storeId, 'fingerprint', like === undefined ? undefined : fingerprintKeyId(like));
  }
}
