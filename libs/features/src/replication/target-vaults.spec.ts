import { describe, expect, it } from '@jest/globals';
import { writeKey } from './target-vaults.js';

const write = {
  storeId: 's',
  secretId: 'x',
  profileId: 'p',
  generation: '3',
  desiredFingerprint: 'k:f',
  observedBackendVersion: 'v1',
};

describe('writeKey', () => {
  it('is the same for every attempt at one write', () => {
    expect(writeKey({ ...write })).toBe(writeKey(write));
  });

  it.each([
    ['another target', { profileId: 'q' }],
    ['another change', { generation: '4' }],
    ['other content under a generation that is counted again', { desiredFingerprint: 'k:g' }],
    ['a repair after a write that was recorded', { observedBackendVersion: 'v2' }],
    ['a first write', { observedBackendVersion: null }],
  ])('is another one for %s', (_, change) => {
    expect(writeKey({ ...write, ...change })).not.toBe(writeKey(write));
  });

  it('tells nothing of the fingerprint', () => {
    expect(writeKey(write)).not.toContain('k:f');
  });
});
