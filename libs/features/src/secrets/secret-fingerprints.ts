import { Injectable } from '@nestjs/common';
import { Keyring } from '@claviger/platform/crypto';
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
    const mac = this.keyring.mac(storeId, 'fingerprint', like === undefined ? undefined : fingerprintKeyId(like));
    return fingerprint(mac, type, canonicalJson(parsed));
  }

  /** True when content has this fingerprint. */
  matches(storeId: string, type: SecretType, content: VaultContent, expected: string): boolean {
    return sameFingerprint(this.of(storeId, type, content, expected), expected);
  }

  /** The fingerprint that people are shown: keyed per secret, so that equal values of two secrets look different. */
  display(storeId: string, secretId: string, stored: string): string {
    return displayFingerprint(this.keyring.mac(storeId, 'fingerprint', fingerprintKeyId(stored)), secretId, stored);
  }
}
