import { isAppError } from '@claviger/kernel';
import type { Keyring, NamedMac } from '@claviger/platform/crypto';
import { SealSigner } from './seal-key.js';

/** What a store's log is checked with. */
export interface AuditKeys {
  /** Where the public keys come from; MACs can be checked with the keyring only. */
  readonly source: 'keyring' | 'anchors' | 'export';
  mac(keyId: string): NamedMac | undefined;
  /** 32 bytes in base64. */
  publicKey(keyId: string): string | undefined;
}

/** The store's own keys. */
export function keysOfStore(keyring: Keyring, storeId: string): AuditKeys {
  const publicKeys = new Map<string, string>();
  const mac = (keyId: string): NamedMac | undefined => {
    try {
      return keyring.mac(storeId, 'audit', keyId);
    } catch (error) {
      if (isAppError(error)) return undefined;
      throw error;
    }
  };
  return {
    source: 'keyring',
    mac,
    publicKey(keyId) {
      const auditKey = publicKeys.has(keyId) ? undefined : mac(keyId);
      if (auditKey) publicKeys.set(keyId, new SealSigner(auditKey).publicKey);
      return publicKeys.get(keyId);
    },
  };
}

/** Public keys alone, by key id. */
export function publicKeys(source: 'anchors' | 'export', keys: ReadonlyMap<string, string>): AuditKeys {
  return { source, mac: () => undefined, publicKey: (keyId) => keys.get(keyId) };
}
