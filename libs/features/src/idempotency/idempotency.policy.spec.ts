import { AppError, ERROR_KINDS } from '@claviger/kernel';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { idempotencyInProgress } from './idempotency.errors.js';
import { afterError, isIdempotencyKey, judgeRequest } from './idempotency.policy.js';

const now = new Date('2026-03-01T10:00:00Z');
const after = (ms: number): Date => new Date(now.getTime() + ms);
const [same, other] = [Buffer.from('same'), Buffer.from('other')];
const running = { requestHash: same, state: 'running', leaseUntil: after(1), expiresAt: after(1_000) } as const;
const finished = { ...running, state: 'finished', leaseUntil: null } as const;

describe('judgeRequest', () => {
  it.each([
    ['repeats the answer of a finished request', finished, same, 'replay'],
    ['lets a running one run', running, same, 'in-progress'],
    ['takes over one whose lease has run out', { ...running, leaseUntil: now }, same, 'take-over'],
    ['takes over one that was left', { ...running, leaseUntil: null }, same, 'take-over'],
    ['refuses another request while one runs', running, other, 'reused'],
    ['refuses another request when one has finished', finished, other, 'reused'],
    ['refuses another request when one was left', { ...running, leaseUntil: null }, other, 'reused'],
    ['forgets after a day', { ...finished, expiresAt: now }, same, 'expired'],
    ['forgets after a day, for another request too', { ...running, expiresAt: now }, other, 'expired'],
  ] as const)('%s', (_, known, hash, verdict) => {
    expect(judgeRequest(known, hash, now)).toBe(verdict);
  });

  it('never lets another request have an answer or a key', () => {
    const moment = fc.option(fc.integer({ min: -5, max: 5 }).map(after), { nil: null });
    const known = fc.record({
      requestHash: fc.constant(same),
      state: fc.constantFrom('running' as const, 'finished' as const),
      leaseUntil: moment,
      expiresAt: fc.integer({ min: 1, max: 9 }).map(after),
    });
    fc.assert(fc.property(known, (each) => expect(judgeRequest(each, other, now)).toBe('reused')));
  });
});

describe('isIdempotencyKey', () => {
  it('takes visible ASCII of 1 to 255 characters, and nothing else', () => {
    const visible = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(visible, (text) => expect(isIdempotencyKey(text)).toBe(text.length >= 1 && text.length <= 255)),
    );
    const wrong = fc.constantFrom('', ' ', 'a b', 'a, b', 'ä', '\t', '\u007f', 'x'.repeat(256), ['a'], undefined, 1);
    fc.assert(fc.property(wrong, (value) => expect(isIdempotencyKey(value)).toBe(false)));
    expect(isIdempotencyKey('x'.repeat(255))).toBe(true);
  });
});

describe('afterError', () => {
  const error = (kind: (typeof ERROR_KINDS)[number], details = {}): AppError =>
    new AppError({ code: 'ANY', kind, message: 'any', details });

  it('leaves what may have been done, and forgets what was not', () => {
    const left = ERROR_KINDS.filter((kind) => afterError(error(kind)) === 'leave');
    expect(left).toEqual(['unavailable', 'timeout', 'internal']);
  });

  it('forgets a change that has failed for certain, whatever with', () => {
    for (const kind of ERROR_KINDS) expect(afterError(error(kind, { changeId: 'c' }))).toBe('forget');
  });

  it('leaves a defect, and a request that somebody else executes', () => {
    expect([afterError(new Error('?')), afterError(idempotencyInProgress())]).toEqual(['leave', 'leave']);
  });
});
