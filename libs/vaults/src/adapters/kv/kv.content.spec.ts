import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { KV1_CAPABILITIES, KV2_CAPABILITIES } from './kv.capabilities.js';
import { acceptContent } from './kv.content.js';

const task = {
  call: { requestId: 'r', signal: new AbortController().signal },
  operation: 'put',
  subject: '"a" in mount "kv"',
};
const accept = (flavour: 'kv1' | 'kv2', text: string): string =>
  acceptContent(task, flavour, flavour === 'kv1' ? KV1_CAPABILITIES : KV2_CAPABILITIES, new SecretValue(text));

const refusal = (code: string, details: object = {}): unknown =>
  expect.objectContaining({ vaultCode: code, details: expect.objectContaining(details) });

describe('acceptContent', () => {
  it('gives the text back as it is', () => {
    const text = ' {"b":1.10,"a":1e3,"s":"\\u0041"} ';
    expect([accept('kv1', text), accept('kv2', text)]).toEqual([text, text]);
  });

  it.each([
    ['{"n":12345678901234567890}', '/n'],
    ['{"a":[{"x/y~":0.12345678901234567890}]}', '/a/0/x~1y~0'],
  ])('refuses %s on version 2, naming the field, and takes it on version 1', (text, pointer) => {
    expect(() => accept('kv2', text)).toThrow(refusal('INVALID_VALUE', { pointer }) as Error);
    expect(accept('kv1', text)).toBe(text);
  });

  it('refuses a number that overflows a double on version 1', () => {
    expect(() => accept('kv1', '{"a":[0,-2e400]}')).toThrow(refusal('INVALID_VALUE', { pointer: '/a/1' }) as Error);
  });

  it('refuses an empty object on version 1 only', () => {
    expect(() => accept('kv1', '{}')).toThrow(refusal('INVALID_VALUE', { pointer: '' }) as Error);
    expect(accept('kv2', '{}')).toBe('{}');
  });

  it.each(['[]', '"x"', '{"a":', 'canary', '{"a":1,"a":2}'])('refuses %s without quoting it', (text) => {
    for (const flavour of ['kv1', 'kv2'] as const) {
      expect(() => accept(flavour, text)).toThrow(refusal('INVALID_VALUE') as Error);
      expect(() => accept(flavour, text)).not.toThrow('canary');
    }
  });

  it.each([
    ['kv1', 1000],
    ['kv2', 997],
  ] as const)('takes as many keys and strings on %s as one request may have (%i)', (flavour, most) => {
    const withStrings = (count: number): string =>
      JSON.stringify({ list: Array.from({ length: count - 2 }, () => 'x'), n: 1 });
    expect(accept(flavour, withStrings(most))).toBeDefined();
    expect(() => accept(flavour, withStrings(most + 1))).toThrow(
      refusal('TOO_LARGE', { strings: most + 1, limit: most }) as Error,
    );
  });

  it('refuses more bytes than the card allows, counting bytes', () => {
    const text = JSON.stringify({ v: 'é'.repeat(256 * 1024) });
    expect(() => accept('kv2', text)).toThrow(refusal('TOO_LARGE', { limit: 512 * 1024 }) as Error);
  });
});
