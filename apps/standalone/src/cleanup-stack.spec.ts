import { describe, expect, it } from '@jest/globals';

import { CleanupStack } from './cleanup-stack.js';

describe('CleanupStack', () => {
  it('closes in reverse order, one after another', async () => {
    const log: string[] = [];
    const stack = new CleanupStack();
    for (const name of ['lock', 'database', 'api']) {
      stack.push(name, async () => {
        log.push(`${name} closing`);
        await new Promise(setImmediate);
        log.push(`${name} closed`);
      });
    }
    expect(await stack.run()).toEqual([]);
    expect(log).toEqual(['api', 'database', 'lock'].flatMap((name) => [`${name} closing`, `${name} closed`]));
  });

  it('goes on after a step that fails or never ends, and names them', async () => {
    const closed: string[] = [];
    const stack = new CleanupStack();
    stack.push('lock', () => void closed.push('lock'));
    stack.push('stuck', () => new Promise(() => undefined), 1);
    stack.push('throwing', () => {
      throw new Error('at once');
    });
    stack.push('rejecting', () => Promise.reject(new Error('later')));
    expect(await stack.run()).toEqual(['rejecting', 'throwing', 'stuck']);
    expect(closed).toEqual(['lock']);
  });

  it('closes everything once only', async () => {
    let times = 0;
    const stack = new CleanupStack();
    stack.push('database', () => void (times += 1));
    await Promise.all([stack.run(), stack.run()]);
    expect(times).toBe(1);
  });
});
