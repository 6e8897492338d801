import { AppError } from '@claviger/kernel';
import { isLosslessNumber, LosslessNumber, parse, stringify } from 'lossless-json';

/** A JSON value whose numbers are kept as their source text (`LosslessNumber.value`), never as doubles. */
export type JsonValue = null | boolean | string | LosslessNumber | readonly JsonValue[] | JsonObject;

/** A JSON object without a prototype, so that `content['constructor']` finds only what the text holds. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** RFC 6901; the empty string is the whole document. */
export type JsonPointer = string;

/** The default limit of a content, measured on its JSON text in UTF-8. */
export const MAX_CONTENT_BYTES = 64 * 1024;

/** How many objects and arrays may enclose a value; the outermost object is the first. */
export const MAX_CONTENT_DEPTH = 64;

/** The largest power of ten of a number's leading digit, in either direction: 9.99e400 is the greatest magnitude. */
export const MAX_NUMBER_EXPONENT = 400;

const REASONS = {
  syntax: 'the JSON grammar does not allow this',
  not_an_object: 'the outermost value must be an object ({"field": "value"})',
  duplicate_key: 'this key is already in the same object; keep one of them',
  lone_surrogate: 'half of a surrogate pair, which no UTF-8 text can hold; send the whole character',
  too_deep: `more than ${MAX_CONTENT_DEPTH} objects and arrays inside each other; flatten it`,
  number_out_of_range: `the number is beyond 1e±${MAX_NUMBER_EXPONENT}; send it as a string`,
} as const;

/** Why a text is no acceptable content: `details.reason` of `CONTENT_INVALID_JSON`. */
export type ContentRefusal = keyof typeof REASONS;

/**
 * Parses the JSON text of a content, more strictly than RFC 8259 asks, so that every reader of the text sees the same
 * thing: an object, no duplicate keys (also none with equal values), no lone surrogates, at most
 * {@link MAX_CONTENT_DEPTH} levels and no number beyond 1e±{@link MAX_NUMBER_EXPONENT}. Any key is an ordinary key,
 * `__proto__` too.
 *
 * @param maxBytes the longest text accepted, in bytes of UTF-8
 * @throws AppError `CONTENT_INVALID_JSON` with `details` {reason, line, column}: both count from 1, the column in UTF-16
 * code units. It never quotes the text. `CONTENT_TOO_LARGE` with {bytes, maxBytes}.
 */
export function parseContent(text: string, maxBytes: number = MAX_CONTENT_BYTES): JsonObject {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    throw new AppError({
      code: 'CONTENT_TOO_LARGE',
      kind: 'too_large',
      message: `The content has ${bytes} bytes, and at most ${maxBytes} are accepted: shorten it or split it into several secrets.`,
      details: { bytes, maxBytes },
    });
  }
  const quoted = quoteNumbers(text, refuseAmbiguous(text));
  const value = (quoted === undefined ? undefined : parseQuoted(quoted)) ?? detach(parseGrammar(text));
  if (!isJsonObject(value)) throw refusal('not_an_object', text, text.search(/\S/));
  return value;
}

/** Half a surrogate pair: no string of an accepted text holds one, so that what begins with it is a number of ours. */
const NUMBER_MARK = '\ud800';
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * The text with each number as a string, so that JSON.parse, which is many times as fast as any parser in JavaScript, can
 * read it without rounding them. Undefined for a text that would only become right by that.
 */
function quoteNumbers(text: string, numbers: readonly NumberToken[]): string | undefined {
  let quoted = '';
  let end = 0;
  for (const { token, index, isKey } of numbers) {
    if (isKey || !NUMBER.test(token)) return undefined;
    quoted += `${text.slice(end, index)}"${NUMBER_MARK}${token}"`;
    end = index + token.length;
  }
  return quoted + text.slice(end);
}

/** Undefined when the grammar does not allow it. */
function parseQuoted(text: string): JsonValue | undefined {
  try {
    return unquote(JSON.parse(text) as Quoted);
  } catch {
    return undefined;
  }
}

type Quoted = null | boolean | string | readonly Quoted[] | { readonly [key: string]: Quoted };

/** Objects get no prototype, numbers their text. */
function unquote(value: Quoted): JsonValue {
  if (typeof value === 'string')
    return value.startsWith(NUMBER_MARK) ? new LosslessNumber(value.slice(NUMBER_MARK.length)) : value;
  if (value === null || typeof value === 'boolean') return value;
  if (isArray(value)) return value.map(unquote);
  const object = Object.create(null) as Record<string, JsonValue>;
  for (const key of Object.keys(value)) object[key] = unquote(value[key]!);
  return object;
}

/** lossless-json checks the grammar; its messages quote the text, so that only the position leaves this function. */
function parseGrammar(text: string): JsonValue {
  try {
    return parse(text) as JsonValue;
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    throw refusal('syntax', text, Number(position ?? 0));
  }
}

/** Copies objects into ones without a prototype. Array items and numbers are kept as they are. */
function detach(value: JsonValue): JsonValue {
  if (isArray(value)) return value.map(detach);
  if (!isJsonObject(value)) return value;
  const copy = Object.create(null) as Record<string, JsonValue>;
  for (const key of Object.keys(value)) copy[key] = detach(value[key]!);
  return copy;
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"|["{}[\]:]|-?\d[\d.eE+-]*/g;

/**
 * Refuses what lossless-json lets through (it takes a repeated key whose value is equal, half a surrogate pair and any
 * depth). Runs before it, because its recursion must be bounded. On a text with a syntax error the tokens are right up
 * to that error, and whatever is malformed is left for the grammar to refuse.
 */
function refuseAmbiguous(text: string): readonly NumberToken[] {
  const lone = text.search(LONE_SURROGATE);
  if (lone >= 0) throw refusal('lone_surrogate', text, lone);
  const open: (Set<string> | undefined)[] = [];
  const numbers: { token: string; index: number; isKey: boolean }[] = [];
  let last: { readonly token: string; readonly index: number } | undefined;
  let isAfterNumber = false;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const token = match[0];
    switch (token[0]) {
      case '"':
        if (token.length === 1) return numbers; // never closed: scanning on would take quadratic time
        last = { token, index: match.index };
        if (!token.includes('\\u')) break;
        if (LONE_SURROGATE.test(unescape(token) ?? '')) throw refusal('lone_surrogate', text, match.index);
        break;
      case '{':
      case '[':
        if (open.push(token === '{' ? new Set() : undefined) <= MAX_CONTENT_DEPTH) break;
        throw refusal('too_deep', text, match.index);
      case '}':
      case ']':
        open.pop();
        break;
      case ':': {
        if (isAfterNumber) numbers.at(-1)!.isKey = true;
        const keys = open.at(-1);
        const key = last && unescape(last.token);
        if (keys === undefined || key === undefined) break;
        if (keys.has(key)) throw refusal('duplicate_key', text, last!.index);
        keys.add(key);
        break;
      }
      default:
        numbers.push({ token, index: match.index, isKey: false });
        // Without an exponent a short number cannot be out of range.
        if (token.length <= MAX_NUMBER_EXPONENT && !/e/i.test(token)) break;
        if (canonicalDecimal(token) === 'out of range') throw refusal('number_out_of_range', text, match.index);
    }
    isAfterNumber = numbers.at(-1)?.index === match.index;
  }
  return numbers;
}

/** A number as it stands in a text; `isKey` where a colon comes next, which no grammar allows. */
type NumberToken = { readonly token: string; readonly index: number; readonly isKey: boolean };

/** The string that a JSON string token stands for; undefined when an escape in it is malformed. */
function unescape(token: string): string | undefined {
  if (!token.includes('\\')) return token.slice(1, -1);
  try {
    return JSON.parse(token) as string;
  } catch {
    return undefined;
  }
}

function refusal(reason: ContentRefusal, text?: string, index = 0): AppError {
  const before = text?.slice(0, index).split('\n');
  const place = before && { line: before.length, column: before.at(-1)!.length + 1 };
  const where = place ? ` at line ${place.line}, column ${place.column}` : '';
  return new AppError({
    code: 'CONTENT_INVALID_JSON',
    kind: 'invalid',
    message: `The content is not acceptable JSON${where}: ${REASONS[reason]}.`,
    details: { reason, ...place },
  });
}

/**
 * The one text that all spellings of a content share, for comparing and for fingerprints: RFC 8785 (members sorted by
 * the UTF-16 code units of their keys, strings escaped as ECMAScript does, no white space), except for numbers. RFC 8785
 * writes the nearest double, which makes 12345678901234567890 and …891 equal; here a number is its exact decimal value:
 *
 *     number   = "0" / ["-"] digits ["e" exponent]     ; the value is digits × 10^exponent
 *     digits   = an integer that neither begins nor ends with 0
 *     exponent = ["-"] an integer that does not begin with 0; left out when it is 0
 *
 * So 1, 1.0 and 10e-1 are `1`, 100 is `1e2`, 0.25 is `25e-2`, and 0, -0 and 0.0e9 are `0`. The result is JSON, and is its own
 * canonical form.
 *
 * @throws AppError `CONTENT_INVALID_JSON` (reason `number_out_of_range`), which cannot happen to what
 * {@link parseContent} returned
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (isLosslessNumber(value)) return canonicalNumber(value.value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return String(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`);
  return `{${members.join(',')}}`;
}

function canonicalNumber(text: string): string {
  const canonical = canonicalDecimal(text);
  if (canonical === undefined) throw new TypeError('not the text of a JSON number');
  if (canonical === 'out of range') throw refusal('number_out_of_range');
  return canonical;
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** The canonical text, `out of range`, or undefined for what is no number. Linear in the text, however it is made up. */
function canonicalDecimal(text: string): string | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponentText = '0'] = match;
  const all = whole + fraction;
  let start = 0;
  let end = all.length;
  while (start < end && all[start] === '0') start++;
  while (end > start && all[end - 1] === '0') end--;
  if (start === end) return '0';
  const exponent = Number(exponentText) - fraction.length + (all.length - end);
  if (Math.abs(exponent + (end - start) - 1) > MAX_NUMBER_EXPONENT) return 'out of range';
  return `${sign}${all.slice(start, end)}${exponent === 0 ? '' : `e${exponent}`}`;
}

/** The content as compact JSON text. Numbers keep their source text; keys their order, integer-like keys first. */
export function stringifyContent(value: JsonValue): string {
  return stringify(value)!;
}

/** True when both are the same JSON value: the order of keys and the spelling of numbers and strings do not matter. */
export function sameContent(a: JsonValue, b: JsonValue): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/**
 * Where the first number stands that a backend with IEEE 754 doubles would not give back equal (OpenBao's KV v2 decodes
 * into float64 and answers with the shortest text that decodes to the same double, as ECMAScript does); undefined when
 * all numbers survive.
 */
export function findInexactNumber(value: JsonValue, at: JsonPointer = ''): JsonPointer | undefined {
  if (isLosslessNumber(value)) return isExactDouble(value.value) ? undefined : at;
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, member] of Object.entries(value)) {
    const found = findInexactNumber(member, `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isExactDouble(text: string): boolean {
  const shortest = String(Number(text)); // "Infinity" is no decimal, so that it equals none
  return shortest === text || canonicalDecimal(shortest) === canonicalDecimal(text);
}

/** Array.isArray does not narrow to a readonly array. */
const isArray = Array.isArray as (value: JsonValue) => value is readonly JsonValue[];

/** True for an object: no array, number or null. */
export function isJsonObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value) && !isLosslessNumber(value);
}
