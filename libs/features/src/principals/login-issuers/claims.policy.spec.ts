import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { judgeClaims, mappedGroups, readClaim, type ClaimRules, type Claims } from './claims.policy.js';

const NOW = new Date('2026-01-01T12:00:00Z');
const now = NOW.getTime() / 1_000;
const RULES: ClaimRules = {
  boundClaims: [],
  subjectClaim: 'sub',
  nameClaim: 'preferred_username',
  displayNameClaim: 'name',
  groupsClaim: 'groups',
  leewaySeconds: 30,
  maxLifetimeSeconds: 3_600,
};
const good = { sub: 'x1', iat: now - 10, exp: now + 300 };

/** The refusal, or `in`. */
function judge(rules: Partial<ClaimRules>, claims: Claims): string {
  const verdict = judgeClaims({ ...RULES, ...rules }, claims, NOW);
  return 'refusal' in verdict ? verdict.refusal : 'in';
}

describe('readClaim', () => {
  const claims = {
    'a.b': 1,
    'https://example.org/roles': 2,
    realm: { roles: ['x'], 'a/b': 3, 'm~n': 4, '': 5 },
    list: ['zero'],
    text: 'abc',
  };

  it.each([
    ['a.b', 1],
    ['https://example.org/roles', 2],
    ['/realm/roles', ['x']],
    ['/realm/a~1b', 3],
    ['/realm/m~0n', 4],
    ['/realm/', 5],
    ['realm/roles', undefined],
    ['/list/0', undefined],
    ['/text/length', undefined],
    ['/text/0', undefined],
    ['/realm/none/deeper', undefined],
    ['constructor', undefined],
    ['/realm/constructor/name', undefined],
    ['__proto__', undefined],
    ['', undefined],
  ])('reads %s as %j', (path, expected) => {
    expect(readClaim(claims, path)).toEqual(expected);
  });

  it('finds what JSON calls __proto__ as a claim like others', () => {
    expect(readClaim(JSON.parse('{"__proto__": "x"}') as Claims, '__proto__')).toBe('x');
  });
});

describe('judgeClaims', () => {
  it('tells whom a token speaks of', () => {
    const claims = { ...good, preferred_username: 'Ada@Example.org', name: 'Ada L', groups: ['ops', 7, 'dev', null] };
    expect(judgeClaims(RULES, claims, NOW)).toEqual({
      subject: { subject: 'x1', name: 'ada@example.org', displayName: 'Ada L', groupValues: new Set(['ops', 'dev']) },
    });
    expect(judgeClaims(RULES, { ...good, groups: 'ops', name: 1 }, NOW)).toEqual({
      subject: { subject: 'x1', name: undefined, displayName: undefined, groupValues: new Set(['ops']) },
    });
    const none = { ...RULES, displayNameClaim: null, groupsClaim: null };
    expect(judgeClaims(none, { ...claims, null: ['ops'] }, NOW)).toMatchObject({
      subject: { displayName: undefined, groupValues: new Set() },
    });
  });

  it('lowers letters of ASCII alone: no other letter becomes one of them', () => {
    const claims = { ...good, preferred_username: '\u212Aate\u0130' };
    expect(judgeClaims(RULES, claims, NOW)).toMatchObject({ subject: { name: '\u212Aate\u0130' } });
  });

  it.each([
    ['in', { iat: now + 30, exp: now + 300 }],
    ['in', { iat: now - 600, exp: now - 29 }],
    ['in', { iat: now - 10, exp: now + 3_590 }],
    ['lifetime', { iat: now - 10, exp: now + 3_591 }],
    ['lifetime', { iat: now + 31, exp: now + 300 }],
    ['lifetime', { iat: now - 600, exp: now - 30 }],
    ['lifetime', { iat: undefined }],
    ['lifetime', { exp: undefined }],
    ['lifetime', { exp: String(now + 300) }],
    ['lifetime', { iat: Infinity, exp: Infinity }],
    ['lifetime', { iat: -Infinity }],
    ['lifetime', { exp: NaN }],
    ['bound-to-a-key', { cnf: { jkt: 'x' } }],
    ['bound-to-a-key', { cnf: undefined }],
    ['no-subject', { sub: '' }],
    ['no-subject', { sub: 7 }],
    ['no-subject', { sub: undefined }],
    ['no-subject', { sub: 'x'.repeat(257) }],
    ['no-subject', { sub: 'a\u0000b' }],
    ['no-subject', { sub: ['x1'] }],
  ])('says %s to %j', (expected, claims) => {
    expect(judge({}, { ...good, ...claims })).toBe(expected);
  });

  it.each<[string, unknown, readonly (string | number | boolean)[]]>([
    ['in', 'a', ['a', 'b']],
    ['in', ['x', 'b'], ['a', 'b']],
    ['in', true, [true]],
    ['in', 5, [5]],
    ['bound-claims', 'true', [true]],
    ['bound-claims', '5', [5]],
    ['bound-claims', 'A', ['a']],
    ['bound-claims', 'a ', ['a']],
    ['bound-claims', [['a']], ['a']],
    ['bound-claims', { a: 'a' }, ['a']],
    ['bound-claims', [], ['a']],
    ['bound-claims', undefined, ['a']],
    ['bound-claims', null, ['a']],
    ['bound-claims', '*', ['a']],
    ['bound-claims', 'a', []],
  ])('is %s when a claim is %j and %j is asked for', (expected, claim, values) => {
    expect(judge({ boundClaims: [{ claim: 'c', values }] }, { ...good, c: claim })).toBe(expected);
  });

  it('wants every bound claim', () => {
    const boundClaims = [
      { claim: 'a', values: ['1'] },
      { claim: '/b/c', values: ['2'] },
    ];
    expect(judge({ boundClaims }, { ...good, a: '1', b: { c: ['2'] } })).toBe('in');
    for (const claims of [{ a: '1' }, { b: { c: '2' } }, {}])
      expect(judge({ boundClaims }, { ...good, ...claims })).toBe('bound-claims');
  });

  it('lets in no token that is good for longer than is allowed, whatever its times are', () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (iat, exp) => {
        if (judge({}, { ...good, iat, exp }) !== 'in') return;
        expect(exp - iat).toBeLessThanOrEqual(3_600);
        expect([iat <= now + 30, exp > now - 30]).toEqual([true, true]);
      }),
      { examples: [[now, now + 60]] },
    );
  });
});

describe('mappedGroups', () => {
  const rows = fc.array(
    fc.record({ claimValue: fc.constantFrom('a', 'b', 'A', ''), groupId: fc.constantFrom('1', '2', '3') }),
  );
  const values = fc.array(fc.constantFrom('a', 'b', 'A', 'other'));

  it('gives exactly the groups of the values that are there, letter by letter', () => {
    fc.assert(
      fc.property(rows, values, (mapping, given) => {
        const groups = mappedGroups(mapping, new Set(given));
        for (const id of ['1', '2', '3']) {
          const isGiven = given.some((value) =>
            mapping.some(({ claimValue, groupId }) => claimValue === value && groupId === id),
          );
          expect(groups.has(id)).toBe(isGiven);
        }
      }),
    );
  });
});
