import { randomFillSync } from 'node:crypto';

const pool = Buffer.allocUnsafe(4096);
let used = pool.length;

const HEX = Buffer.from('0123456789abcdef');
const DASH = '-'.charCodeAt(0);
const text = Buffer.alloc(36);

/**
 * A UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then random bits, so that ids made later sort later and
 * index pages fill in order. Not a secret, and no proof of anything.
 */
export function newId(nowMs: number = Date.now()): string {
  if (used + 16 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const end = used + 16;
  pool.writeUIntBE(nowMs, used, 6);
  pool[used + 6] = (pool[used + 6]! & 0x0f) | 0x70;
  pool[used + 8] = (pool[used + 8]! & 0x3f) | 0x80;
  // In one piece: a text that is put together from pieces is copied by each later reader.
  for (let at = 0; used < end; used += 1) {
    const byte = pool[used]!;
    text[at++] = HEX[byte >> 4]!;
    text[at++] = HEX[byte & 15]!;
    if (at === 8 || at === 13 || at === 18 || at === 23) text[at++] = DASH;
  }
  return text.toString('latin1');
}

const LAST_MS = 2 ** 48 - 1;

/** Not greater than any id that is made from this moment on (milliseconds since 1970), and greater than all before. */
export function firstIdAt(ms: number): string {
  const digits = Math.min(Math.max(Math.floor(ms), 0), LAST_MS)
    .toString(16)
    .padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-0000-0000-000000000000`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a lower-case UUID in its canonical text form. */
export function isId(text: string): boolean {
  return UUID.test(text);
}
