import { describe, expect, it } from '@jest/globals';
import { AppError, SecretValue } from '@claviger/kernel';
import { BODY_LIMIT_BYTES, decodeJsonBody } from './json-body.js';

const decode = (text: string): Record<string, unknown> => decodeJsonBody(Buffer.from(text));
const reveal = (value: unknown): unknown => (value as SecretValue<unknown>).reveal();

function refusalOf(bytes: Buffer | string): AppError {
  try {
    decodeJsonBody(Buffer.from(bytes as string));
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('decodeJsonBody', () => {
  it('wraps content as text that keeps its digits, whatever it is', () => {
    const { content } = decode('{"content": {"n": 12345678901234567890.10, "a": [1e2]}}');
    expect(content).toBeInstanceOf(SecretValue);
    expect(reveal(content)).toBe('{"n":12345678901234567890.10,"a":[1e2]}');
    expect(reveal(decode('{"content":"canary"}')['content'])).toBe('"canary"');
    expect(reveal(decode('{"content":null}')['content'])).toBe('null');
  });

  it('wraps credentials as plain values', () => {
    const { credentials } = decode('{"credentials":{"token":"canary","ttl":60}}');
    expect(credentials).toBeInstanceOf(SecretValue);
    expect(reveal(credentials)).toEqual({ token: 'canary', ttl: 60 });
  });

  it.each(['password', 'currentPassword', 'clientSecret'])('wraps %s, whatever it is', (field) => {
    for (const value of ['canary', ['canary'], null, 1]) {
      const { [field]: wrapped } = decode(JSON.stringify({ [field]: value }));
      expect(wrapped).toBeInstanceOf(SecretValue);
      expect(reveal(wrapped)).toEqual(value);
    }
  });

  it('wraps the secrets of each of the items of a list, and no deeper', () => {
    const { items } = decode(
      '{"items":[{"content":{"n":1.0}},{"password":"canary"},{"deep":{"content":2}},"text",[3]]}',
    );
    const [first, second, ...others] = items as Record<string, unknown>[];
    expect(first!['content']).toBeInstanceOf(SecretValue);
    expect([reveal(first!['content']), reveal(second!['password'])]).toEqual(['{"n":1.0}', 'canary']);
    expect(others).toEqual([{ deep: { content: 2 } }, 'text', [3]]);
  });

  it('gives other numbers as numbers, and takes nothing for one that only looks like it', () => {
    expect(decode('{"a":1.5,"b":[{"c":2}]}')).toEqual({ a: 1.5, b: [{ c: 2 }] });
    const { a } = decode('{"a":{"isLosslessNumber":true,"value":"1"}}');
    expect(a).toEqual({ isLosslessNumber: true, value: '1' });
  });

  it('keeps the names of Object.prototype from meaning anything', () => {
    const body = decode('{"__proto__":{"admin":true},"constructor":"c","labels":{"__proto__":{"admin":true}}}');
    expect((body as { admin?: boolean }).admin).toBeUndefined();
    expect((body['labels'] as { admin?: boolean }).admin).toBeUndefined();
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
    expect(Object.keys(body['labels'] as object)).toEqual(['__proto__']);
  });

  it('is an empty object without a body', () => {
    expect(decode('')).toEqual({});
  });

  it.each([
    ['a duplicate key', '{"a":1,"a":1}', 'invalid'],
    ['no object', '["canary"]', 'invalid'],
    ['a syntax error', '{"content":{"password":"canary"', 'invalid'],
    ['half a surrogate pair', '{"a":"\\ud800"}', 'invalid'],
    ['a number out of range', '{"a":1e999}', 'invalid'],
    ['too many levels', `{"a":${'['.repeat(70)}${']'.repeat(70)}}`, 'invalid'],
    ['what is no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'invalid'],
    ['too many bytes', `{"a":"${'x'.repeat(BODY_LIMIT_BYTES)}"}`, 'too_large'],
  ] as const)('refuses %s, and quotes nothing of it', (_name, text, kind) => {
    const error = refusalOf(text as string);
    expect([error.code, error.kind]).toEqual(['BODY_INVALID', kind]);
    expect(JSON.stringify([error.message, error.details, String(error.cause)])).not.toContain('canary');
  });
});
