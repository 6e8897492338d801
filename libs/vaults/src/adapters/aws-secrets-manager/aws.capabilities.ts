import type { VaultCapabilities } from '@claviger/vaults/contract';
import { nameRuleBelow } from './aws.names.js';

/** The largest SecretString, in bytes (AWS, "Quotas"). */
export const MAX_CONTENT_BYTES = 65_536;

/** Secrets that BatchGetSecretValue gives at most (AWS). */
export const MAX_BULK_READ = 20;

/**
 * The card of what lies below a stored prefix. Compare-and-set is false: PutSecretValue has no condition, and moving
 * the label of the current version leaves a version behind each time that it fails. Versions are pruned when there are
 * about a hundred, though never before they are a day old, so that no number is promised.
 */
export function awsCapabilities(storedPrefix: string, forceDelete: boolean): VaultCapabilities {
  return {
    versionedReads: true,
    compareAndSet: false,
    atomicCreate: true,
    softDelete: false,
    destroyVersion: false,
    metadata: true,
    immediatePurge: forceDelete,
    exactNumbers: true,
    immediateList: false,
    recursiveList: true,
    maxBulkRead: MAX_BULK_READ,
    maxContentBytes: MAX_CONTENT_BYTES,
    name: nameRuleBelow(storedPrefix),
  };
}
