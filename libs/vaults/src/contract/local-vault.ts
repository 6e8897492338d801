import type { VaultContent } from './vault-adapter.js';

/** A content as the built-in vault keeps it in Claviger's own database: the columns `content_id` and `content`. */
export type StoredContent = { readonly contentId: string; readonly sealed: Buffer };

/**
 * The vault that lives in Claviger's own database, for the hot statements that read or write a secret and its content
 * at once. They know its tables `builtin_object` and `builtin_version`; only this knows how content is sealed there.
 */
export interface LocalVault {
  seal(storeId: string, content: VaultContent): StoredContent;
  /** @throws AppError CIPHERTEXT_INVALID */
  open(storeId: string, stored: StoredContent): VaultContent;
}

/** Nest injection token of the {@link LocalVault}. */
export const LOCAL_VAULT = Symbol('LOCAL_VAULT');
