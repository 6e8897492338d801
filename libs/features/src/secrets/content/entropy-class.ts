/** How hard a value is to guess, as coarsely as somebody may know who may not see it. */
export const ENTROPY_CLASSES = ['low', 'fair', 'high'] as const;
export type EntropyClass = (typeof ENTROPY_CLASSES)[number];

/** Bits from which a value is `fair` and `high`: a password of people, and a key of machines. */
const FAIR_BITS = 45;
const HIGH_BITS = 90;
/** More of a value changes no class. */
const MAX_LOOKED_AT = 1_024;

/**
 * The class of Shannon entropy of a value's characters times their number: an upper bound that ignores words and order,
 * so a low class is certain and a high one is not.
 */
export function entropyClass(value: string): EntropyClass {
  const characters = Array.from(value).slice(0, MAX_LOOKED_AT);
  const counts = new Map<string, number>();
  for (const character of characters) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / characters.length);
  if (bits < FAIR_BITS) return 'low';
  return bits < HIGH_BITS ? 'fair' : 'high';
}
