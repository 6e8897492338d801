import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { TARGET_STATUSES, type TargetStatus, type Trouble } from './sync-target.entity.js';
import { DELAYED_AFTER, newsOf } from './target-news.policy.js';

describe('news of a target', () => {
  it.each([
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
    ['paused', null, 'target.paused'],
    ['paused', 'paused', undefined],
    ['in_sync', 'paused', 'target.recovered'],
    ['in_sync', 'delayed', 'target.recovered'],
  ] as const)('when it is %s and %s was told, are %s', (status, told, type) => {
    expect(newsOf({ told, status: 'pending' }, { status, errorCode: 'SOME_CODE' })?.type).toBe(type);
  });

  it.each([
    ['pending', 'target.synced'],
    ['retrying', 'target.synced'],
    ['in_sync', undefined],
  ] as const)('when it was %s and is in sync, and nothing was told, are %s', (status, type) => {
    expect(newsOf({ told: null, status }, { status: 'in_sync' })?.type).toBe(type);
  });

  it('are that it was tried in vain for minutes, once, and not that it was a few times', () => {
    const retrying = { status: 'retrying', errorCode: 'VAULT_UNAVAILABLE' } as const;
    expect(newsOf({ told: null, status: 'pending' }, { ...retrying, attempts: DELAYED_AFTER - 1 })).toBeUndefined();
    expect(newsOf({ told: null, status: 'pending' }, { ...retrying, attempts: DELAYED_AFTER })?.type).toBe(
      'target.delayed',
    );
    expect(
      newsOf({ told: 'delayed', status: 'retrying' }, { ...retrying, attempts: DELAYED_AFTER + 1 }),
    ).toBeUndefined();
  });

  it('tell a rest that somebody asked for from a restored database that waits for somebody', () => {
    expect(newsOf({ told: null, status: 'pending' }, { status: 'paused', errorCode: 'TARGET_RESTORED' })?.type).toBe(
      'target.blocked',
    );
    expect(newsOf({ told: null, status: 'pending' }, { status: 'paused', errorCode: 'SECRET_DISABLED' })?.type).toBe(
      'target.paused',
    );
  });

  it('are none when nothing was found out', () => {
    expect(newsOf({ told: 'blocked', status: 'blocked' }, {})).toBeUndefined();
  });

  it('are told once each, and a recovery only of what was told', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TARGET_STATUSES)), (statuses) => {
        let [told, before]: [Trouble | null, TargetStatus] = [null, 'pending'];
        const types: string[] = [];
        for (const status of statuses) {
          const news = newsOf({ told, status: before }, { status, errorCode: null });
          before = status;
          if (!news) continue;
          types.push(news.type);
          told = news.told;
        }
        for (const [index, type] of types.entries())
          if (type !== 'target.synced') expect(types[index - 1]).not.toBe(type);
        expect(types[0]).not.toBe('target.recovered');
      }),
    );
  });
});
