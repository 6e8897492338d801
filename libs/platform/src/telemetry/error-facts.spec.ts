import { AppError, SecretValue } from '@claviger/kernel';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { errorCode, errorFacts } from './error-facts.js';
import { stackFrames } from './stack-frames.js';

const canary = 'canary-5e1f';
const text = (error: unknown): string => JSON.stringify(errorFacts(error));
const thrownBy = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

describe('errorFacts', () => {
  it('tells class, code and place of a foreign error, and not its message', () => {
    const error = Object.assign(new TypeError(canary), { code: 'ERR_SOMETHING' });
    expect(errorFacts(error)).toMatchObject({ name: 'TypeError', code: 'ERR_SOMETHING' });
    expect(errorFacts(error).frames?.[0]).toContain('error-facts.spec.ts');
    expect(text(error)).not.toContain(canary);
  });

  it('tells code, kind and message of an AppError, and its place only when it is a defect', () => {
    const init = { code: 'SECRET_NOT_FOUND', message: 'There is no such secret.' };
    const answer = new AppError({ ...init, kind: 'not_found' });
    expect(errorFacts(answer)).toEqual({ name: 'AppError', kind: 'not_found', ...init });
    expect(errorFacts(new AppError({ ...init, kind: 'internal' })).frames).toBeDefined();
  });

  it('writes no details, no other property and no message of a cause', () => {
    const cause = Object.assign(new Error(canary, { cause: new RangeError(canary) }), {
      code: '23505',
      detail: canary,
    });
    const error = new AppError({
      code: 'X_FAILED',
      kind: 'internal',
      message: 'X failed.',
      details: { canary },
      cause: Object.assign(cause, { request: { headers: { authorization: canary } }, config: canary }),
    });
    expect(errorFacts(error).causes).toEqual(['Error 23505', 'RangeError']);
    expect(text(error)).not.toContain(canary);
  });

  it('says why each attempt of an aggregate failed', () => {
    const refused = Object.assign(new Error(canary), { code: 'ECONNREFUSED' });
    expect(errorFacts(new AggregateError([refused], canary)).causes).toEqual(['Error ECONNREFUSED']);
  });

  it('ends on a cause that is its own cause', () => {
    const error = new Error(canary);
    error.cause = error;
    expect(errorFacts(error).causes).toHaveLength(5);
  });

  it.each([
    ['JSON', () => JSON.parse(`{"password": ${canary}`)],
    ['URL', () => new URL(`http://[${canary}`)],
    ['zod', () => z.object({ a: z.literal('b') }).parse({ a: canary, [canary]: canary })],
    ['BigInt', () => BigInt(canary)],
  ])('does not repeat what a %s parser quotes', (_, parse) => {
    const error = thrownBy(parse);
    expect(errorFacts(error).name).toMatch(/Error$/);
    expect(text(error)).not.toContain(canary);
  });

  it.each([canary, Buffer.from(canary), { message: canary, stack: canary }, new SecretValue(canary), null, undefined])(
    'tells nothing of what is no error',
    (thrown) => {
      expect(errorFacts(thrown)).toEqual({ name: 'NotAnError' });
    },
  );

  it('lets neither a name nor a code through that is no word', () => {
    const error = Object.assign(new Error('x'), { name: `${canary} ${canary}`, code: canary });
    expect(errorFacts(error)).toMatchObject({ name: 'Error' });
    expect(errorCode(error)).toBeUndefined();
    expect(text(error)).not.toContain(canary);
  });

  it('never repeats a message, whatever it is made of', () => {
    const part = fc.oneof(fc.string(), fc.constantFrom('\n', '    at f (/a.js:1:1)', 'Error: ', ': '));
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('')),
        (around) => {
          const made = new Error(`${around}\n    at f (/${canary}.js:1:1)${around}`);
          expect(text(made)).not.toContain(canary);
          made.message = `changed ${around}`;
          expect(text(made)).not.toContain(canary);
        },
      ),
    );
  });
});

describe('stackFrames', () => {
  it('gives at most eight places, innermost first', () => {
    const deep = (depth: number): Error => (depth === 0 ? new Error('x') : deep(depth - 1));
    const frames = stackFrames(deep(20));
    expect(frames).toHaveLength(8);
    expect(frames[0]).toMatch(/^deep \(.*error-facts\.spec\.ts:\d+:\d+\)$/);
  });

  it('gives the places of an error without a message', () => {
    expect(stackFrames(new Error(''))).not.toEqual([]);
  });
});
