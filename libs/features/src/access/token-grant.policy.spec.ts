import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  FIRST_ROOT_TOKEN,
  grantToken,
  MAX_TOKEN_DEPTH,
  MAX_TTL_SECONDS,
  renewedExpiry,
  type GrantingToken,
  type NewToken,
} from './token-grant.policy.js';

const parent = (overrides: Partial<GrantingToken> = {}): GrantingToken => ({
  id: 'parent',
  principalId: null,
  loginIssuerId: null,
  sponsorId: null,
  ancestors: ['root'],
  displayName: 'ada',
  policies: ['auditor', 'operator'],
  maxUses: null,
  hasSudo: false,
  ...overrides,
});

const ROOT = parent({ id: 'root', ancestors: [], displayName: 'root', policies: ['root'], hasSudo: true });
const SUDO = parent({ policies: ['admin'], hasSudo: true });

describe('grantToken', () => {
  it('gives a child what its parent has, for 768 hours, renewable', () => {
    expect(grantToken({}, parent())).toEqual({
      parentId: 'parent',
      principalId: null,
      loginIssuerId: null,
      sponsorId: null,
      ancestors: ['root', 'parent'],
      displayName: 'ada',
      policies: ['auditor', 'operator'],
      ttlSeconds: 2_764_800,
      maxTtlSeconds: null,
      isRenewable: true,
      maxUses: null,
    });
  });

  it('gives a child whom its parent belongs to, and an orphan nobody', () => {
    const of = { principalId: 'ada', hasSudo: true };
    expect(grantToken({}, parent(of)).principalId).toBe('ada');
    expect(grantToken({ isOrphan: true }, parent(of)).principalId).toBeNull();
  });

  it('remembers who made an orphan, and what descends from it', () => {
    const orphan = grantToken({ isOrphan: true }, parent({ principalId: 'ada', hasSudo: true }));
    expect(orphan).toMatchObject({ principalId: null, sponsorId: 'ada' });
    const of = parent({ ...orphan, id: 'orphan', hasSudo: true });
    for (const isOrphan of [false, true]) expect(grantToken({ isOrphan }, of).sponsorId).toBe('ada');
    expect(grantToken({}, parent({ principalId: 'ada' })).sponsorId).toBeNull();
  });

  it('gives what is asked for', () => {
    const wanted: NewToken = {
      policies: ['operator'],
      displayName: 'ci',
      ttlSeconds: 60,
      maxTtlSeconds: 120,
      isRenewable: false,
      uses: 3,
    };
    expect(grantToken(wanted, parent())).toMatchObject({
      policies: ['operator'],
      displayName: 'ci',
      ttlSeconds: 60,
      maxTtlSeconds: 120,
      isRenewable: false,
      maxUses: 3,
    });
  });

  it('sorts policies and takes each once', () => {
    expect(grantToken({ policies: ['b', 'a', 'b'] }, SUDO).policies).toEqual(['a', 'b']);
  });

  it('gives an orphan no ancestors', () => {
    expect(grantToken({ isOrphan: true }, SUDO)).toMatchObject({ parentId: null, ancestors: [] });
  });

  it('makes a root token that never ends, like its parent', () => {
    expect(grantToken({}, ROOT)).toEqual({ ...FIRST_ROOT_TOKEN, parentId: 'root', ancestors: ['root'] });
  });

  it('makes a root token that ends when it is given a TTL', () => {
    expect(grantToken({ ttlSeconds: 60 }, ROOT)).toMatchObject({
      policies: ['root'],
      ttlSeconds: 60,
      isRenewable: true,
    });
  });

  it('lets every token that is not root end', () => {
    expect(grantToken({ policies: ['admin'] }, ROOT).ttlSeconds).toBe(MAX_TTL_SECONDS);
  });

  it.each<[string, NewToken, number]>([
    ['the TTL', { ttlSeconds: 9_000_000 }, MAX_TTL_SECONDS],
    ['the TTL by its own maximum', { ttlSeconds: 100, maxTtlSeconds: 10 }, 10],
    ['the default by its own maximum', { maxTtlSeconds: 10 }, 10],
    ['its own maximum', { maxTtlSeconds: 9_000_000 }, MAX_TTL_SECONDS],
  ])('cuts %s', (_, wanted, ttlSeconds) => {
    expect(grantToken(wanted, parent())).toMatchObject({ ttlSeconds });
  });

  it.each<[string, NewToken, GrantingToken, string]>([
    ['a policy that the parent has not', { policies: ['admin'] }, parent(), 'TOKEN_POLICIES_EXCEED_PARENT'],
    ['root to a parent that is not', { policies: ['root'] }, parent(), 'TOKEN_POLICIES_EXCEED_PARENT'],
    ['root to a parent with sudo', { policies: ['root'] }, SUDO, 'TOKEN_POLICIES_EXCEED_PARENT'],
    ['root with something else', { policies: ['root', 'admin'] }, ROOT, 'INPUT_INVALID'],
    ['an orphan without sudo', { isOrphan: true }, parent(), 'TOKEN_SUDO_REQUIRED'],
    ['a child of a limited token', {}, parent({ maxUses: 9, hasSudo: true }), 'TOKEN_LIMITED'],
    ['an orphan of a limited token', { isOrphan: true }, parent({ maxUses: 9, hasSudo: true }), 'TOKEN_LIMITED'],
    ['too long a chain', {}, parent({ ancestors: Array<string>(MAX_TOKEN_DEPTH - 1).fill('x') }), 'TOKEN_TOO_DEEP'],
    ['no TTL at all', { ttlSeconds: 0 }, parent(), 'INPUT_INVALID'],
    ['a TTL with a fraction', { ttlSeconds: 1.5 }, parent(), 'INPUT_INVALID'],
    ['a negative maximum', { maxTtlSeconds: -1 }, parent(), 'INPUT_INVALID'],
    ['no uses', { uses: 0 }, parent(), 'INPUT_INVALID'],
    ['endless uses', { uses: 2_000_000_000 }, parent(), 'INPUT_INVALID'],
    ['an empty name', { displayName: '' }, parent(), 'INPUT_INVALID'],
    ['a name with a line break', { displayName: 'a\nb' }, parent(), 'INPUT_INVALID'],
    ['a name without end', { displayName: 'a'.repeat(129) }, parent(), 'INPUT_INVALID'],
    ['a policy name in capitals', { policies: ['Auditor'] }, SUDO, 'INPUT_INVALID'],
    ['too many policies', { policies: Array.from({ length: 65 }, (_, i) => `p${i}`) }, SUDO, 'INPUT_INVALID'],
  ])('refuses %s', (_, wanted, given, code) => {
    expect(() => grantToken(wanted, given)).toThrow(expect.objectContaining({ code }));
  });

  it('makes the last link of the longest chain', () => {
    const last = parent({ ancestors: Array<string>(MAX_TOKEN_DEPTH - 2).fill('x') });
    expect(grantToken({}, last).ancestors).toHaveLength(MAX_TOKEN_DEPTH - 1);
  });

  it('never gives more than the parent has, unless that has sudo', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'root'), { maxLength: 3 });
    fc.assert(
      fc.property(names, fc.option(names, { nil: undefined }), fc.boolean(), (policies, wanted, isOrphan) => {
        let granted: readonly string[] = [];
        try {
          granted = grantToken({ ...(wanted && { policies: wanted }), isOrphan }, parent({ policies })).policies;
        } catch {
          return;
        }
        for (const name of granted) expect(policies).toContain(name);
      }),
    );
  });
});

describe('renewedExpiry', () => {
  const createdAt = new Date('2026-01-01T00:00:00Z');
  const token = { createdAt, ttlSeconds: 60, maxTtlSeconds: null, isRenewable: true };
  const at = (seconds: number): Date => new Date(createdAt.getTime() + seconds * 1000);

  it('gives the TTL anew', () => {
    expect(renewedExpiry(token, at(30))).toEqual(at(90));
  });

  it('gives the increment that is asked for, longer or shorter', () => {
    expect(renewedExpiry(token, at(30), 3_600)).toEqual(at(3_630));
    expect(renewedExpiry(token, at(30), 1)).toEqual(at(31));
  });

  it('never goes beyond the maximum, counted from the beginning', () => {
    expect(renewedExpiry({ ...token, maxTtlSeconds: 100 }, at(90))).toEqual(at(100));
    expect(renewedExpiry(token, at(MAX_TTL_SECONDS - 1))).toEqual(at(MAX_TTL_SECONDS));
  });

  it.each([
    ['one that never ends', { ...token, ttlSeconds: null }, undefined, 'TOKEN_NOT_RENEWABLE'],
    ['one that was made so', { ...token, isRenewable: false }, undefined, 'TOKEN_NOT_RENEWABLE'],
    ['for no time', token, 0, 'INPUT_INVALID'],
  ])('refuses %s', (_, given, increment, code) => {
    expect(() => renewedExpiry(given, at(1), increment)).toThrow(expect.objectContaining({ code }));
  });
});
