import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { TARGET_STATUSES, type Trouble } from './sync-target.entity.js';
import { newsOf } from './target-news.policy.js';

describe('news of a target', () => {
  it.each([
    ['in_sync', null, undefined],
    ['in_sync', 'blocked', 'target.recovered'],
    ['in_sync', 'drifted', 'target.recovered'],
    ['blocked', null, 'target.blocked'],
    ['foreign', null, 'target.blocked'],
    ['foreign', 'blocked', undefined],
    ['drifted', null, 'target.drifted'],
    ['missing', 'drifted', undefined],
    ['missing', 'blocked', 'target.drifted'],
    ['blocked', 'drifted', 'target.blocked'],
    ['retrying', null, undefined],
    ['retrying', 'blocked', undefined],
    ['pending', 'drifted', undefined],
    ['paused', null, undefined],
  ] as const)('when it is %s and %s was told, are %s', (status, told, type) => {
    expect(newsOf({ told }, { status, errorCode: 'SOME_CODE' })?.type).toBe(type);
  });

  it('are that a restored database waits for somebody, and not that somebody disabled something', () => {
    expect(newsOf({ told: null }, { status: 'paused', errorCode: 'TARGET_RESTORED' })?.type).toBe('target.blocked');
    expect(newsOf({ told: null }, { status: 'paused', errorCode: 'SECRET_DISABLED' })).toBeUndefined();
  });

  it('are none when nothing was found out', () => {
    expect(newsOf({ told: 'blocked' }, {})).toBeUndefined();
  });

  it('are told once each, and a recovery only of what was told', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TARGET_STATUSES)), (statuses) => {
        let told: Trouble | null = null;
        const types: string[] = [];
        for (const status of statuses) {
          const news = newsOf({ told }, { status, errorCode: null });
          if (!news) continue;
          types.push(news.type);
          told = news.told;
        }
        for (const [index, type] of types.entries()) expect(types[index - 1]).not.toBe(type);
        expect(types[0]).not.toBe('target.recovered');
      }),
    );
  });
});
