/** Which key lengths an algorithm has, in bits. */
export type KeyLength = { readonly exactly: readonly number[] } | { readonly atLeast: number };

/**
 * By algorithm name without punctuation; the first pattern that fits decides. AES: FIPS 197. HMAC: at least the length of
 * the hash, RFC 7518 section 3.2. DES with its parity bits, as such keys are stored: NIST SP 800-67. ChaCha20: RFC 8439.
 */
const KEY_LENGTHS: readonly (readonly [RegExp, KeyLength])[] = [
  [/^AES128/, { exactly: [128] }],
  [/^AES192/, { exactly: [192] }],
  [/^AES256/, { exactly: [256] }],
  [/^AES/, { exactly: [128, 192, 256] }],
  [/^X?CHACHA20/, { exactly: [256] }],
  [/^(DESEDE|3DES|TRIPLEDES|TDEA)/, { exactly: [128, 192] }],
  [/^DES/, { exactly: [64] }],
  [/^HMAC(WITH)?SHA1$/, { atLeast: 160 }],
  [/^(HS|HMAC(WITH)?SHA[23]?)256$/, { atLeast: 256 }],
  [/^(HS|HMAC(WITH)?SHA[23]?)384$/, { atLeast: 384 }],
  [/^(HS|HMAC(WITH)?SHA[23]?)512$/, { atLeast: 512 }],
];

/** The lengths of an algorithm's keys; undefined for an algorithm that Claviger does not know, whose keys may have any. */
export function findKeyLength(algorithm: string): KeyLength | undefined {
  const name = algorithm.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  return KEY_LENGTHS.find(([pattern]) => pattern.test(name))?.[1];
}

export function isKeyLength(bits: number, length: KeyLength): boolean {
  return 'exactly' in length ? length.exactly.includes(bits) : bits >= length.atLeast;
}

/** In words, without the unit: `128 or 192`, `at least 256`. */
export function describeKeyLength(length: KeyLength): string {
  return 'exactly' in length ? length.exactly.join(' or ') : `at least ${length.atLeast}`;
}

/** The strongest length that is usual for the algorithm. */
export function bestKeyLength(length: KeyLength): number {
  return 'exactly' in length ? Math.max(...length.exactly) : length.atLeast;
}
