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
const LENGTH_BYTES = 4;
const MS_BEFORE_2000 = Date.UTC(2000, 0, 1);
const MS_PER_DAY = 86_400_000;
const TWO_TO_32 = 2 ** 32;
const JSONB_VERSION = 1;
/** To call into Node's own code costs more than to copy so few characters. */
const SHORT_TEXT = 64;

/** Writes array parameters one after another into common memory. */
export class BinaryArrays {
  #bytes: Buffer;
  #at = 0;

  /** @param expectedBytes of all arrays together; it grows where that is too little */
  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes);
  }

  /** An array with one element for each row. */
  write<Row>(type: ArrayElementType, rows: readonly Row[], valueOf: (row: Row) => ArrayElement): Buffer {
    const write = WRITE[type];
    let start = this.#at;
    let bytes = this.#bytes;
    let at = start + HEADER_BYTES;
    let before: ArrayElement | undefined;
    let size = 0;
    for (const row of rows) {
      const element = valueOf(row);
      const needed = at + LENGTH_BYTES + maxBytes(element);
      if (needed > bytes.length) {
        const grown = Buffer.allocUnsafe(2 * (needed - start));
        bytes.copy(grown, 0, start, at);
        [bytes, at, start] = [grown, at - start, 0];
      }
      if (element === null) {
        writeInt32(bytes, at, -1);
        size = LENGTH_BYTES;
      } else if (element === before) {
        // Rows that travel together have much in common: when, who, what.
        bytes.copyWithin(at, at - size, at);
      } else {
        const length = write(bytes, at + LENGTH_BYTES, element as never);
        writeInt32(bytes, at, length);
        size = LENGTH_BYTES + length;
      }
      before = element;
      at += size;
    }
    if (bytes.length < start + HEADER_BYTES) [bytes, at, start] = [Buffer.allocUnsafe(HEADER_BYTES), HEADER_BYTES, 0];
    writeInt32(bytes, start, 1); // dimensions
    writeInt32(bytes, start + 4, 1); // has, or may have, nulls
    writeInt32(bytes, start + 8, OID[type]);
    writeInt32(bytes, start + 12, rows.length);
    writeInt32(bytes, start + 16, 1); // lower bound
    this.#bytes = bytes;
    this.#at = at;
    return bytes.subarray(start, at);
  }
}

/** A UTF-16 unit takes at most three bytes of UTF-8; jsonb adds one; dates become shorter. */
function maxBytes(element: ArrayElement): number {
  if (typeof element === 'string') return element.length * 3 + 1;
  return element instanceof Buffer ? element.length : 4;
}

/** Each writes an element's bytes and tells how many. */
const WRITE: Readonly<Record<ArrayElementType, (bytes: Buffer, at: number, element: never) => number>> = {
  text: writeText,
  jsonb: (bytes, at, element: string) => {
    bytes[at] = JSONB_VERSION;
    return 1 + writeText(bytes, at + 1, element);
  },
  integer: (bytes, at, element: number) => {
    writeInt32(bytes, at, element);
    return 4;
  },
  bytea: (bytes, at, element: string | Buffer) =>
    typeof element === 'string' ? writeHex(bytes, at, element) : element.copy(bytes, at),
  uuid: writeHex,
  date: (bytes, at, element: string) => {
    writeInt32(bytes, at, (Date.parse(element) - MS_BEFORE_2000) / MS_PER_DAY);
    return 4;
  },
  timestamptz: (bytes, at, element: string) => {
    const microseconds = (Date.parse(element) - MS_BEFORE_2000) * 1000;
    writeInt32(bytes, at, Math.floor(microseconds / TWO_TO_32));
    bytes.writeUInt32BE(((microseconds % TWO_TO_32) + TWO_TO_32) % TWO_TO_32, at + 4);
    return 8;
  },
};

function writeInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

const DASH = 45;

/** Hexadecimal digits, with dashes only between whole bytes. */
function writeHex(bytes: Buffer, at: number, digits: string): number {
  const { length } = digits;
  let end = at;
  for (let i = 0; i < length; i += 2) {
    let high = digits.charCodeAt(i);
    if (high === DASH) high = digits.charCodeAt(++i);
    bytes[end++] = (nibble(high) << 4) | nibble(digits.charCodeAt(i + 1));
  }
  return end - at;
}

function nibble(code: number): number {
  return code < 58 ? code - 48 : (code | 32) - 87;
}

function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return bytes.write(text, at);
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 127) return bytes.write(text, at);
    bytes[at + i] = code;
  }
  return length;
}
