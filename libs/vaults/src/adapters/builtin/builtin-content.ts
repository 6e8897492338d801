import { newId, SecretValue } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import type { StoredContent, VaultContent } from '@claviger/vaults/contract';

/**
 * Seals a content for one row of `builtin_version`. The id is new each time and part of what is sealed, so the
 * ciphertext opens in that row only, wherever its object is moved or how often its version number is used again.
 */
export function sealBuiltinContent(keyring: Keyring, storeId: string, content: VaultContent): StoredContent {
  const contentId = newId();
  return { contentId, sealed: keyring.seal(storeId, contentRow(contentId), content.reveal()) };
}

/** Opens what {@link sealBuiltinContent} made. @throws AppError `CIPHERTEXT_INVALID` */
export function openBuiltinContent(keyring: Keyring, storeId: string, stored: StoredContent): VaultContent {
  return new SecretValue(keyring.open(storeId, contentRow(stored.contentId), stored.sealed).toString('utf8'));
}

const contentRow = (contentId: string): string => `builtin_version/${contentId}/content`;
