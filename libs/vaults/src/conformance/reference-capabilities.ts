import { PATH_NAME_RULE, type VaultCapabilities } from '../contract/index.js';

/** A backend that can do everything. */
export const REFERENCE_CAPABILITIES: VaultCapabilities = {
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
  maxContentBytes: 128 * 1024,
  name: PATH_NAME_RULE,
};

/** The shapes in which backends come, each a configuration of the reference adapter. */
export const REFERENCE_FLAVOURS = {
  full: { ...REFERENCE_CAPABILITIES, maxBulkRead: 7 },
  /** As OpenBao's KV version 2: ten versions, numbers are doubles, folders are walked. */
  pruned: { ...REFERENCE_CAPABILITIES, exactNumbers: false, recursiveList: false, maxVersions: 10 },
  /** As KV version 1: one content per name and nothing else. */
  plain: {
    ...REFERENCE_CAPABILITIES,
    versionedReads: false,
    compareAndSet: false,
    atomicCreate: false,
    softDelete: false,
    destroyVersion: false,
    metadata: false,
    recursiveList: false,
  },
  /** As a Kubernetes Secret: compare-and-set and metadata, no history, narrow names. */
  revisioned: {
    ...REFERENCE_CAPABILITIES,
    versionedReads: false,
    softDelete: false,
    destroyVersion: false,
    maxContentBytes: 32 * 1024,
    name: { maxBytes: 253, pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$', description: 'a lower-case DNS name' },
  },
  /** As AWS Secrets Manager: history without compare-and-set, deletion after a while, escaped names. */
  scheduled: {
    ...REFERENCE_CAPABILITIES,
    compareAndSet: false,
    softDelete: false,
    destroyVersion: false,
    immediatePurge: false,
    immediateList: false,
    maxBulkRead: 7,
    name: { ...PATH_NAME_RULE, stored: { plain: 'A-Za-z0-9/_.-', maxLength: 512 } },
  },
} as const satisfies Record<string, VaultCapabilities>;

export type ReferenceFlavour = keyof typeof REFERENCE_FLAVOURS;
