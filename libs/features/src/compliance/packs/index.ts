import { FOUR_EYES } from './four-eyes.js';
import { KEYS } from './keys.js';
import { LIFECYCLE } from './lifecycle.js';
import type { Pack, PackRule } from './pack.js';
import { PASSWORDS } from './passwords.js';
import { PLACEMENT } from './placement.js';
import { TOKENS_AND_CERTIFICATES } from './tokens-and-certificates.js';

export type { Pack, PackRule } from './pack.js';

/** All ready rules. A profile keeps a copy of what it takes, so that a pack may change with a release. */
export const PACKS: readonly Pack[] = [PASSWORDS, KEYS, TOKENS_AND_CERTIFICATES, LIFECYCLE, PLACEMENT, FOUR_EYES];

export function findPack(name: string): Pack | undefined {
  return PACKS.find((pack) => pack.name === name);
}

export function findPackRule(pack: string, rule: string): PackRule | undefined {
  return findPack(pack)?.rules.find(({ id }) => id === rule);
}
