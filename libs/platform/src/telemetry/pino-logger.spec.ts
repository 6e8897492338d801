import { SecretValue } from '@claviger/kernel';
import { captureLogs } from '@claviger/testing';
import { describe, expect, it } from '@jest/globals';
import type { LogFact, LogFacts } from './logger.js';

const canary = 'canary-b0b5';

describe('the logger', () => {
  it('writes one JSON line per call', () => {
    const logs = captureLogs();
    logs.logger.info('queue.started', { lanes: 3, isDurable: true, note: undefined });
    expect(logs.text()).toMatch(/^\{[^\n]*\}\n$/);
    expect(logs.lines()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        service: 'claviger',
        process: 'test',
        event: 'queue.started',
        lanes: 3,
        isDurable: true,
      },
    ]);
  });

  it('carries the facts of a child on its every line', () => {
    const logs = captureLogs();
    logs.logger.child({ requestId: 'r1' }).child({ job: 'j' }).warn('job.failed', { attempt: 1 });
    expect(logs.lines()).toEqual([expect.objectContaining({ requestId: 'r1', job: 'j', attempt: 1 })]);
  });

  it('writes nothing below its level', () => {
    const logs = captureLogs('warn');
    logs.logger.info('a.b');
    logs.logger.warn('c.d');
    expect(logs.lines().map((line) => line.event)).toEqual(['c.d']);
  });

  it('keeps to one line whatever a fact holds', () => {
    const logs = captureLogs();
    logs.logger.info('a.b', { name: 'x\n{"level":"error"}\r\n' });
    expect(logs.text().match(/\n/g)).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['a Buffer', Buffer.from(canary)],
    ['a typed array', new TextEncoder().encode(canary)],
    ['a SecretValue', new SecretValue(canary)],
    ['an error', new Error(canary)],
    ['request headers', { authorization: `Bearer ${canary}`, 'x-vault-token': canary }],
    ['a list', [canary]],
    ['a map', new Map([[canary, canary]])],
    ['an object that serialises itself', { toJSON: () => canary, toString: () => canary }],
    ['a function', () => canary],
    ['a symbol', Symbol(canary)],
    ['a boxed string', Object(canary)],
  ])('does not write %s, even where the types were escaped', (_, smuggled) => {
    const logs = captureLogs();
    const facts = { smuggled: smuggled as LogFact };
    logs.logger.info('a.b', facts);
    logs.logger.child(facts).error('a.b', facts, smuggled);
    expect(logs.text()).not.toContain(canary);
    expect(logs.text()).not.toContain(Buffer.from(canary).toString('base64'));
    expect(logs.text()).not.toContain(JSON.stringify([...Buffer.from(canary)]).slice(1, -1));
    expect(logs.lines()[0]).toMatchObject({ smuggled: '[not logged]' });
  });

  it.each(['password', 'token', 'X-Vault-Token', 'authorization', 'content', 'private_key', 'payload', 'url'])(
    'writes no text under the name %s',
    (name) => {
      const logs = captureLogs();
      logs.logger.info('a.b', { [name]: canary } as LogFacts);
      expect(logs.lines()[0]).toMatchObject({ [name]: '[redacted]' });
    },
  );

  it('shortens a long text', () => {
    const logs = captureLogs();
    logs.logger.info('a.b', { text: 'x'.repeat(10_000) });
    expect(logs.text().length).toBeLessThan(500);
  });

  it('writes of an error only what errorFacts lets through', () => {
    const logs = captureLogs();
    logs.logger.error('a.b', { step: 1 }, Object.assign(new Error(canary, { cause: canary }), { code: 'EPIPE' }));
    expect(logs.lines()[0]).toMatchObject({ step: 1, error: { name: 'Error', code: 'EPIPE' } });
    expect(logs.text()).not.toContain(canary);
  });
});
