/**
 * PostgreSQL's binary array format (array_recv): reading it costs the server a third of reading array literals. pg
 * sends a parameter in binary when it is a Buffer.
 */
export type ArrayElementType = 'date' | 'uuid' | 'timestamptz' | 'text' | 'integer' | 'jsonb' | 'bytea';

/**
 * An element: `integer` as a number; `bytea` as bytes or as hexadecimal; all others as text: `date` as `YYYY-MM-DD`,
 * `timestamptz` as ISO 8601 of milliseconds, `uuid` in its canonical form, `jsonb` as JSON.
 */
export type ArrayElement = string | number | Buffer | null;

/** Object ids of built-in types; they never change (pg_type.dat). */
const OID: Readonly<Record<ArrayElementType, number>> = {
  bytea: 17,
  integer: 23,
  text: 25,
  date: 1082,
  timestamptz: 1184,
  uuid: 2950,
  jsonb: 3802,
};

const HEADER_BYTES = 20;
const MS_BEFORE_2000 = Date.UTC(2000, 0, 1);
const MS_PER_DAY = 86_400_000;
const TWO_TO_32 = 2 ** 32;
const JSONB_VERSION = 1;
/** To call into Node's own code costs more than to copy so few characters. */
const SHORT_TEXT = 48;

/** An array parameter. */
export function binaryArray(type: ArrayElementType, elements: readonly ArrayElement[]): Buffer {
  const array = Buffer.allocUnsafe(
    HEADER_BYTES + elements.reduce((sum: number, element) => sum + maxBytes(element), 0),
  );
  array.writeInt32BE(1, 0); // dimensions
  array.writeInt32BE(1, 4); // has, or may have, nulls
  array.writeInt32BE(OID[type], 8);
  array.writeInt32BE(elements.length, 12);
  array.writeInt32BE(1, 16); // lower bound
  let at = HEADER_BYTES;
  let before: ArrayElement | undefined;
  let size = 0;
  for (const element of elements) {
    // Rows that travel together have much in common: when, who, what.
    if (element === before && element !== null) {
      array.copyWithin(at, at - size, at);
    } else {
      const length = element === null ? -1 : WRITE[type](array, at + 4, element as never);
      array.writeInt32BE(length, at);
      size = 4 + Math.max(length, 0);
      before = element;
    }
    at += size;
  }
  return array.subarray(0, at);
}

/** A UTF-16 unit takes at most three bytes of UTF-8; jsonb adds one; dates become shorter. */
function maxBytes(element: ArrayElement): number {
  return 5 + (element === null ? 0 : typeof element === 'number' ? 4 : element.length * 3);
}

/** Each writes an element's bytes and tells how many. */
const WRITE: Readonly<Record<ArrayElementType, (array: Buffer, at: number, element: never) => number>> = {
  text: (array, at, element: string) => writeText(array, at, element),
  jsonb: (array, at, element: string) => {
    array[at] = JSONB_VERSION;
    return 1 + writeText(array, at + 1, element);
  },
  integer: (array, at, element: number) => array.writeInt32BE(element, at) - at,
  bytea: (array, at, element: string | Buffer) =>
    typeof element === 'string' ? array.write(element, at, 'hex') : element.copy(array, at),
  uuid: (array, at, element: string) => {
    let end = at;
    for (let i = 0; i < element.length; i += 2) {
      if (element.charCodeAt(i) === DASH) i += 1;
      array[end++] = (nibble(element.charCodeAt(i)) << 4) | nibble(element.charCodeAt(i + 1));
    }
    return end - at;
  },
  date: (array, at, element: string) => {
    array.writeInt32BE((Date.parse(element) - MS_BEFORE_2000) / MS_PER_DAY, at);
    return 4;
  },
  timestamptz: (array, at, element: string) => {
    const microseconds = (Date.parse(element) - MS_BEFORE_2000) * 1000;
    array.writeInt32BE(Math.floor(microseconds / TWO_TO_32), at);
    array.writeUInt32BE(((microseconds % TWO_TO_32) + TWO_TO_32) % TWO_TO_32, at + 4);
    return 8;
  },
};

const DASH = 45;

function nibble(code: number): number {
  return code < 58 ? code - 48 : (code | 32) - 87;
}

function writeText(array: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return array.write(text, at);
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 127) return array.write(text, at);
    array[at + i] = code;
  }
  return length;
}
