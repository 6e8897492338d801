import { describe, expect, it } from '@jest/globals';
import { requestToken } from './aws.token.js';

const signal = new AbortController().signal;
const of = (idempotencyKey?: string, turn?: number): string =>
  requestToken({ requestId: 'r', signal, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }, turn);

describe('requestToken', () => {
  it('is a UUID, as long as AWS asks for', () => {
    expect(of('change-1')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(of()).toHaveLength(36);
  });

  it('is the same for one key, and another one for another key or another turn', () => {
    expect(of('change-1')).toBe(of('change-1'));
    expect(new Set([of('change-1'), of('change-2'), of('change-1', 1), of('change-1', 2)]).size).toBe(4);
  });

  it('is never the same without a key', () => {
    expect(of()).not.toBe(of());
  });
});
