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

/** Content that was parsed, with its fingerprint under the key in force. */
type Fingerprinted = { readonly parsed: JsonObject; readonly fingerprint: string };

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

  /**
   * The fingerprints of content under every key that the store has, that of `like` first: for finding it among what was
   * recorded at different times.
   */
  underAll(storeId: string, type: SecretType, content: VaultContent, like: string): string[] {
    const first = fingerprintKeyId(like);
    const others = this.keyring.keyIds(storeId, 'fingerprint').filter((id) => id !== first);
    if (others.length === 0) return [this.ofFound(storeId, type, content, like)];
    return [first, ...others].map((id) => this.ofFound(storeId, type, content, `${id}:`));
  }

  /** The id of the key in force. */
  activeKeyId(storeId: string): string {
    return this.keyring.mac(storeId, 'fingerprint').keyId;
  }

  /** True when content has the fingerprint `stored`, which an older key may have made. */
  agrees(storeId: string, type: SecretType, content: Fingerprinted, stored: string | null): boolean {
    if (stored === null || content.fingerprint === stored) return stored !== null;
    if (fingerprintKeyId(stored) === fingerprintKeyId(content.fingerprint)) return false;
    return sameFingerprint(this.ofParsed(storeId, type, content.parsed, stored), stored);
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
