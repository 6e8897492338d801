/** What a key store was found to hold. Nothing in it is secret. */
export type KeyStoreContents = {
  /** In the order of the file, each once. */
  readonly aliases: readonly string[];
  /** X.509 in DER. */
  readonly certificates: readonly Buffer[];
  readonly privateKeys: number;
  readonly secretKeys: number;
  /** False when no part of the file depends on the password, so that any password opens it. */
  readonly isPasswordProven: boolean;
};
