import { AppError } from '@claviger/kernel';
import { describe, expect, it } from '@jest/globals';
import { physicalNameAt } from './secret-fit.policy.js';

const profile = { name: 'far', prefix: '', nameTemplate: '{name}' };
const refusal = (given: Partial<typeof profile>, name: string): AppError => {
  try {
    physicalNameAt({ ...profile, ...given }, { name, type: 'generic' });
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('It was not refused.');
};

describe('physicalNameAt', () => {
  it('joins the prefix and what the template makes of the name', () => {
    const naming = { ...profile, prefix: 'team/a', nameTemplate: '{type}/{name}-x' };
    expect(physicalNameAt(naming, { name: 'b/c', type: 'generic' })).toBe('team/a/generic/b/c-x');
  });

  it('names the profile whose prefix and template make the name unfit', () => {
    for (const given of [{ prefix: 'p'.repeat(505) }, { nameTemplate: `{name}${'t'.repeat(250)}${'t'.repeat(255)}` }])
      expect(refusal(given, 'database')).toMatchObject({
        code: 'NAME_UNFIT',
        kind: 'invalid',
        message: expect.stringMatching(
          /^The name "database\w*" does not fit the profile far: .*longer than 512 bytes\.$/,
        ),
        details: { profile: 'far', rule: expect.stringContaining('512') },
      });
  });

  it('blames no profile for a name that is none anywhere', () => {
    for (const name of ['../up', 'a//b', '']) expect(refusal({}, name)).toMatchObject({ code: 'NAME_INVALID' });
  });
});
