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
const JSONB_VERSION = '\u0001';

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
  for (const element of elements) {
    const length = element === null ? -1 : WRITE[type](array, at + 4, element as never);
    array.writeInt32BE(length, at);
    at += 4 + Math.max(length, 0);
  }
  return array.subarray(0, at);
}

/** A UTF-16 unit takes at most three bytes of UTF-8; jsonb adds one; dates become shorter. */
function maxBytes(element: ArrayElement): number {
  return 5 + (element === null ? 0 : typeof element === 'number' ? 4 : element.length * 3);
}

/** Each writes an element's bytes and tells how many. */
const WRITE: Readonly<Record<ArrayElementType, (array: Buffer, at: number, element: never) => number>> = {
  text: (array, at, element: string) => array.write(element, at),
  jsonb: (array, at, element: string) => array.write(JSONB_VERSION + element, at),
  integer: (array, at, element: number) => array.writeInt32BE(element, at) - at,
  bytea: (array, at, element: string | Buffer) =>
    typeof element === 'string' ? array.write(element, at, 'hex') : element.copy(array, at),
  uuid: (array, at, element: string) => array.write(element.replaceAll('-', ''), at, 'hex'),
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
