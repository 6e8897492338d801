import { PATH_NAME_RULE, type VaultCapabilities } from '@claviger/vaults/contract';

export const BUILTIN_MAX_CONTENT_BYTES = 1024 * 1024;

/** The card of the built-in vault, which keeps that many versions of an object. */
export function builtinCapabilities(maxVersions: number): VaultCapabilities {
  return {
    versionedReads: true,
    compareAndSet: true,
    atomicCreate: true,
    softDelete: true,
    destroyVersion: true,
    metadata: true,
    immediatePurge: true,
    exactNumbers: true,
    recursiveList: true,
    maxContentBytes: BUILTIN_MAX_CONTENT_BYTES,
    maxVersions,
    name: PATH_NAME_RULE,
  };
}
