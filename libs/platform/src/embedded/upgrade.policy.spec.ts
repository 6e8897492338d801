import { describe, expect, it } from '@jest/globals';

import { decideUpgrade } from './upgrade.policy.js';

describe('decideUpgrade', () => {
  const product = { app: '0.2.0', schemas: ['First1', 'Second2', 'Third3'] };

  it.each([
    ['needs nothing at the newest schema', { app: '9.9.9', schema: 'Third3' }, 'none'],
    ['backs up data of an older schema', { app: '0.1.0', schema: 'Second2' }, 'back_up_first'],
    ['backs up data of unknown version', undefined, 'back_up_first'],
    ['refuses data of a schema that it does not know', { app: '0.2.0', schema: 'Fourth4' }, 'refuse_newer'],
  ] as const)('%s', (_, data, decision) => {
    expect(decideUpgrade(data, product)).toBe(decision);
  });
});
