import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { describeMetadata, isStrayMark, isUnfinished, serverTime, type Kv2Metadata } from './kv2.metadata.js';

const now = Date.parse('2026-01-01T00:00:00Z');
const version = (more: object = {}) => ({
  created_time: '2025-12-31T00:00:00.123456789Z',
  deletion_time: '',
  destroyed: false,
  ...more,
});

function metadata(more: Partial<Kv2Metadata> = {}): Kv2Metadata {
  return {
    current_version: 1,
    created_time: '2025-12-30T00:00:00Z',
    custom_metadata: null,
    versions: { '1': version() },
    ...more,
  };
}

describe('describeMetadata', () => {
  it('sorts versions as numbers and tells their states', () => {
    const versions = {
      '10': version({ destroyed: true, deletion_time: '2025-12-31T10:00:00Z' }),
      '9': version({ deletion_time: '2025-12-31T23:59:59.9Z' }),
      '11': version({ deletion_time: '2026-01-01T00:00:01Z' }),
      '12': version(),
    };
    const described = describeMetadata(metadata({ current_version: 12, versions, custom_metadata: { a: 'b' } }), now);
    expect(described.versions.map((one) => [one.version, one.state])).toEqual([
      ['9', 'deleted'],
      ['10', 'destroyed'],
      ['11', 'live'],
      ['12', 'live'],
    ]);
    expect([described.currentVersion, described.metadata]).toEqual(['12', { a: 'b' }]);
    expect(described.versions[0]!.createdAt).toEqual(new Date('2025-12-31T00:00:00.123Z'));
  });

  it('has no current version before the first', () => {
    expect(describeMetadata(metadata({ current_version: 0, versions: {} }), now)).toEqual({
      currentVersion: undefined,
      versions: [],
      metadata: {},
    });
  });
});

describe('serverTime', () => {
  const at = (headers: Record<string, string>) => serverTime({ status: 200, headers, body: new SecretValue('') }, 7);

  it('is the end of the second that the server names, so that what was deleted in it counts as deleted', () => {
    expect(at({ date: 'Thu, 01 Jan 2026 00:00:00 GMT' })).toBe(now + 999);
  });

  it('is our own where the server names none', () => {
    expect([at({}), at({ date: 'soon' })]).toEqual([7, 7]);
  });
});

describe('isUnfinished', () => {
  const empty = { current_version: 0, versions: {} };
  it.each([
    [metadata({ ...empty, custom_metadata: { m: '1' } }), { m: '1' }, true],
    [metadata({ ...empty, custom_metadata: null }), {}, true],
    [metadata({ ...empty, custom_metadata: { m: '2' } }), { m: '1' }, false],
    [metadata({ ...empty, custom_metadata: { m: '1', other: 'x' } }), { m: '1' }, false],
    [metadata({ ...empty, custom_metadata: null }), { m: '1' }, false],
    [metadata({ ...empty, custom_metadata: { m: '1' } }), {}, false],
    [metadata({ custom_metadata: { m: '1' } }), { m: '1' }, false],
  ])('tells of %j and %j: %s', (found, ours, expected) => {
    expect(isUnfinished(found, ours)).toBe(expected);
  });
});

describe('isStrayMark', () => {
  const byContent = { created_time: version().created_time, custom_metadata: { m: '1' } };
  it.each([
    ['an object that came into being with its content', metadata(byContent), true],
    ['an object that had metadata first', metadata({ custom_metadata: { m: '1' } }), false],
    ['other metadata', metadata({ ...byContent, custom_metadata: { m: '2' } }), false],
    ['an object whose first version is gone', metadata({ ...byContent, versions: { '2': version() } }), false],
  ])('judges %s', (_, found, expected) => {
    expect(isStrayMark(found, { m: '1' })).toBe(expected);
  });
});
