import { describe, expect, it } from '@jest/globals';
import { currentOf, isVersionId, orderVersions } from './aws.versions.js';

const at = (second: number): Date => new Date(1_800_000_000_000 + second * 1_000);
const entry = (VersionId: string, second: number, ...VersionStages: string[]) => ({
  VersionId,
  CreatedDate: at(second),
  VersionStages,
});
const ids = (...entries: Parameters<typeof orderVersions>[0]): readonly string[] =>
  orderVersions(entries).map(({ version }) => version);

describe('orderVersions', () => {
  it('goes by time, whatever the order of the answer', () => {
    expect(ids(entry('c', 3, 'AWSCURRENT'), entry('a', 1), entry('b', 2, 'AWSPREVIOUS'))).toEqual(['a', 'b', 'c']);
  });

  it('goes by label where the times are equal', () => {
    expect(ids(entry('c', 1, 'AWSCURRENT'), entry('b', 1, 'AWSPREVIOUS'), entry('a', 1))).toEqual(['a', 'b', 'c']);
  });

  it('puts the current version last, also when its label was moved back to it', () => {
    expect(ids(entry('old', 1, 'AWSCURRENT'), entry('new', 9, 'AWSPREVIOUS'))).toEqual(['new', 'old']);
  });

  it('leaves out what a rotation prepares, until it is current', () => {
    expect(ids(entry('a', 1, 'AWSCURRENT'), entry('b', 2, 'AWSPENDING'))).toEqual(['a']);
    expect(ids(entry('a', 1, 'AWSPREVIOUS'), entry('b', 2, 'AWSPENDING', 'AWSCURRENT'))).toEqual(['a', 'b']);
  });
});

describe('currentOf', () => {
  it('is the version with the label, or none', () => {
    expect(currentOf({ a: ['AWSPREVIOUS'], b: ['mine', 'AWSCURRENT'] })).toBe('b');
    expect(currentOf({ a: ['AWSPENDING'] })).toBeUndefined();
    expect(currentOf()).toBeUndefined();
  });
});

describe('isVersionId', () => {
  it.each([
    ['8ff0888d-ba34-8e14-acef-d41bccbd7a3d', true],
    ['x'.repeat(64), true],
    ['x'.repeat(65), false],
    ['1', false],
    ['latest', false],
    [' '.repeat(40), false],
  ])('of %j is %s', (text, expected) => {
    expect(isVersionId(text)).toBe(expected);
  });
});
