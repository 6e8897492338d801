import { PATH_NAME_RULE, type VaultCapabilities } from '@claviger/vaults/contract';

export const BUILTIN_MAX_CONTENT_BYTES = 1024 * 1024;
/** So that a bulk read holds no more than 10 MiB. */
const BUILTIN_MAX_BULK_READ = 10;

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
    immediateList: true,
    recursiveList: true,
    maxBulkRead: BUILTIN_MAX_BULK_READ,
    maxContentBytes: BUILTIN_MAX_CONTENT_BYTES,
    maxVersions,
    name: PATH_NAME_RULE,
  };
}
