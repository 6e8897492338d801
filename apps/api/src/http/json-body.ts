import { AppError, SecretValue } from '@claviger/kernel';
import { parseContent, stringifyContent, type JsonObject, type JsonValue } from '@claviger/vaults/contract';
import { isLosslessNumber } from 'lossless-json';

/** Largest request body, in bytes. */
export const BODY_LIMIT_BYTES = 1024 * 1024;

/** Top-level fields that hold secrets: content keeps its digits as text, the others become plain values; all are wrapped. */
const CONTENT_FIELD = 'content';
/** A top-level list of requests, each of which is decoded as a body. */
const LIST_FIELD = 'items';
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'credentials',
  'password',
  'currentPassword',
  'clientSecret',
  'token',
]);

/** The body as a whole cannot be understood. */
export const bodyInvalid = (message: string): AppError =>
  new AppError({ code: 'BODY_INVALID', kind: 'invalid', message });

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes a JSON request body: strictly (no duplicate keys, no lone surrogates, bounded depth), with numbers as
 * numbers, and with secrets wrapped before anything else can see them.
 * @throws AppError BODY_INVALID; never quotes the body
 */
export function decodeJsonBody(bytes: Buffer): Record<string, unknown> {
  return bytes.length === 0 ? {} : decodeFields(parseBody(bytes));
}

function decodeFields(parsed: JsonObject): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(parsed)) {
    if (key === CONTENT_FIELD) body[key] = new SecretValue(stringifyContent(value));
    else if (SECRET_FIELDS.has(key)) body[key] = new SecretValue(plain(value));
    else if (key === LIST_FIELD && Array.isArray(value)) body[key] = value.map(decodeItem);
    else if (key !== '__proto__') body[key] = plain(value);
  }
  return body;
}

/** An item of a list is a body of its own: its secrets are wrapped as well. */
function decodeItem(item: JsonValue): unknown {
  const isObject = item !== null && typeof item === 'object' && !Array.isArray(item) && !isLosslessNumber(item);
  return isObject ? decodeFields(item as JsonObject) : plain(item);
}

function parseBody(bytes: Buffer): JsonObject {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw bodyInvalid('The body is not valid UTF-8.');
  }
  try {
    return parseContent(text, BODY_LIMIT_BYTES);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError({
      code: 'BODY_INVALID',
      kind: error.kind,
      message: error.message.replace(/^The content/, 'The body'),
      ...(error.details ? { details: error.details } : {}),
    });
  }
}

function plain(value: JsonValue): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (isLosslessNumber(value)) return Number(value.value);
  if (Array.isArray(value)) return value.map((item: JsonValue) => plain(item));
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, item]) => [key, plain(item)]));
}
