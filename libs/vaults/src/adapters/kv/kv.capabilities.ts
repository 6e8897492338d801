import { isNameAllowed, type NameRule, type VaultCapabilities } from '@claviger/vaults/contract';

// A server takes what Go calls printable: letters, marks, numbers, punctuation, symbols and the ASCII space. A no-break
// space or a zero-width joiner gets a 400 (OpenBao 2.7).
const SEGMENT = String.raw`(?!\.{1,2}(?:/|$))(?:(?![/\\])[\p{L}\p{M}\p{N}\p{P}\p{S} ])+`;

const NAME: NameRule = {
  maxBytes: 512,
  pattern: `^${SEGMENT}(?:/${SEGMENT})*$`,
  description:
    'segments separated by single slashes, none empty, . or ..; printable characters without backslash, and no white space but the space',
};

/**
 * Half of the 1 MiB that a storage entry of raft may have, because a server encrypts and re-encodes what it stores. It is
 * also all that Consul storage takes.
 */
const MAX_CONTENT_BYTES = 512 * 1024;

/** How many versions a mount keeps that was not told otherwise. */
export const DEFAULT_MAX_VERSIONS = 10;

/** KV version 2 as mounted by default. */
export const KV2_CAPABILITIES: VaultCapabilities = {
  versionedReads: true,
  compareAndSet: true,
  atomicCreate: true,
  softDelete: true,
  destroyVersion: true,
  metadata: true,
  immediatePurge: true,
  exactNumbers: false,
  immediateList: true,
  recursiveList: false,
  maxContentBytes: MAX_CONTENT_BYTES,
  maxVersions: DEFAULT_MAX_VERSIONS,
  name: NAME,
};

/** KV version 1: one content per name, its numbers untouched, and nothing else. */
export const KV1_CAPABILITIES: VaultCapabilities = {
  versionedReads: false,
  compareAndSet: false,
  atomicCreate: false,
  softDelete: false,
  destroyVersion: false,
  metadata: false,
  immediatePurge: true,
  exactNumbers: true,
  immediateList: true,
  recursiveList: false,
  maxContentBytes: MAX_CONTENT_BYTES,
  name: NAME,
};

/** True when the naming rule of the cards allows the name. */
export function isAllowedName(name: string): boolean {
  return isNameAllowed(NAME, name);
}
