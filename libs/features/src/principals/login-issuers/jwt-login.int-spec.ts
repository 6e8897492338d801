import { describe, expect, it, jest } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { answer, becomesCurrent, child, until } from '../../../../testing/src/access-room.js';
import { codeOf, ORIGIN, PASSWORD, PrincipalsRoom } from '../../../../testing/src/principals-room.js';
import { newKey } from '../../../../testing/src/fake-issuer.js';
import { GroupRepository } from '../group.repository.js';
import { PrincipalRepository } from '../principal.repository.js';
import { LoginIdentityRepository } from './login-identity.repository.js';
import { JwtVerifier } from './jwt-verifier.js';

const HOUR = 3_600_000;
const room = PrincipalsRoom.forFile();

/** Refused log-ins that operators are told of, in their order. */
const told = async (): Promise<unknown[]> =>
  (
    await room.access.test.database.pool.query(
      `select details from audit_entry where action = 'access.login' and outcome = 'refused'
         and resource_id in (select id::text from login_issuer) order by epoch, tx, id`,
    )
  ).rows.map(({ details }) => details as unknown);

const groupsOf = async (name: string): Promise<readonly string[]> =>
  (await room.one.principals.get(room.root, 'user', name)).groups;

/** Issuer `corp` that maps each of these groups to a value of its name, and the groups. */
async function corpWith(...groups: readonly string[]): Promise<void> {
  for (const name of groups) await room.one.groups.create(room.root, { name, policies: ['operator'] });
  await room.corp({ groupMappings: groups.map((group) => ({ value: group, group })) });
}

describe('a log-in by JWT', () => {
  it('makes a principal of a new subject, and finds it again whatever it is named by then', async () => {
    await room.corp({ nameClaim: 'email', displayNameClaim: 'name' });
    const claims = { sub: '1', email: 'Ada@example.org', name: 'Ada L' };
    const { actor } = await room.one.process.as(await room.logInBy(claims));
    expect(actor).toMatchObject({
      displayName: 'Ada L',
      policies: [],
      principal: { kind: 'user', name: 'ada@example.org', groups: [] },
    });
    const again = await room.one.process.as(await room.logInBy({ ...claims, email: 'other@example.org' }));
    expect(again.actor.principal).toEqual(actor.principal);
    expect(await room.one.principals.list(room.root, 'user', 10)).toHaveLength(1);
    expect(await room.one.links.list(room.root, 'corp', 10)).toMatchObject([
      { kind: 'user', name: 'ada@example.org', subject: '1' },
    ]);
  });

  it('makes one principal of many first log-ins at a time', async () => {
    await room.corp();
    await room.issuer.key();
    expect(new Set(await Promise.all(Array.from({ length: 6 }, () => room.tryLogInBy())))).toEqual(new Set(['in']));
    expect(await room.one.principals.list(room.root, 'user', 10)).toMatchObject([{ name: 'ada' }]);
  });

  it.each([
    ['looked for', LoginIdentityRepository.prototype, 'findPrincipalId'],
    ['found to be new', PrincipalRepository.prototype, 'findByName'],
  ] as const)('finds who came in by another log-in just when they were %s', async (_, repository, method) => {
    await room.corp();
    const spy = jest
      .spyOn(repository as PrincipalRepository, method as 'findByName')
      .mockImplementationOnce(async () => {
        await room.logInBy();
        return undefined;
      });
    try {
      expect(await room.tryLogInBy()).toBe('in');
    } finally {
      spy.mockRestore();
    }
    expect(await room.one.principals.list(room.root, 'user', 10)).toMatchObject([{ name: 'ada' }]);
  });

  it('makes a service account where the issuer is one of services', async () => {
    await room.corp({ kind: 'service-account', tokenTtlSeconds: 60 });
    const token = await room.logInBy({ sub: 'robot' });
    expect((await room.one.process.as(token)).actor.principal).toMatchObject({
      kind: 'service-account',
      name: 'robot',
    });
    await room.clock.advance(60_000);
    expect(await answer(room.one.process, token)).toBe('TOKEN_INVALID');
  });

  it('gives a token that ends with its time and cannot be renewed', async () => {
    await room.corp();
    const token = await room.logInBy();
    const ctx = await room.one.process.as(token);
    expect(await room.one.process.tokens.self(ctx)).toMatchObject({ ttlSeconds: 43_200, isRenewable: false });
    const renewed = room.one.process.tokens.renew(ctx, ctx.actor.accessor!);
    expect(await renewed.then(() => 'renewed', codeOf)).toBe('TOKEN_NOT_RENEWABLE');
    await room.clock.advance(12 * HOUR);
    expect(await answer(room.one.process, token)).toBe('TOKEN_INVALID');
  });

  it('never takes over who is there already, and tells operators', async () => {
    await room.corp();
    await room.user('ada', ['admin']);
    await room.one.principals.create(room.root, 'service-account', { name: 'robot' });
    expect([await room.tryLogInBy(), await room.tryLogInBy({ sub: 'robot' })]).toEqual([
      'LOGIN_REFUSED',
      'LOGIN_REFUSED',
    ]);
    expect(await told()).toEqual([
      { method: 'jwt', reason: 'name-taken', principal: 'ada' },
      { method: 'jwt', reason: 'name-taken', principal: 'robot' },
    ]);
    expect(await room.one.links.list(room.root, 'corp', 10)).toEqual([]);
    expect(await room.tryLogIn('ada')).toBe('in');
  });

  it('is refused a subject that can have no name here', async () => {
    await room.corp();
    for (const sub of ['a b', 'auth0|x', 'self', '-a']) expect(await room.tryLogInBy({ sub })).toBe('LOGIN_REFUSED');
    await room.one.issuers.update(room.root, 'corp', { nameClaim: 'nowhere' });
    expect(await room.tryLogInBy()).toBe('LOGIN_REFUSED');
    expect(await told()).toEqual([{ method: 'jwt', reason: 'no-possible-name' }]);
    expect(await room.one.principals.list(room.root, 'user', 10)).toEqual([]);
  });

  it('needs a link where the issuer makes nobody', async () => {
    await room.corp({ provisions: false });
    await room.user('ada', ['auditor']);
    expect(await room.tryLogInBy({ sub: '7' })).toBe('LOGIN_REFUSED');
    expect(await told()).toEqual([{ method: 'jwt', reason: 'not-linked' }]);
    await room.one.links.link(room.root, 'corp', 'ada', '7');
    const token = await room.logInBy({ sub: '7' });
    expect((await room.one.process.as(token)).actor).toMatchObject({
      policies: ['auditor'],
      principal: { name: 'ada' },
    });
    expect(await room.tryLogInBy({ sub: 'ada' })).toBe('LOGIN_REFUSED');
    await room.one.links.unlink(room.root, 'corp', 'ada');
    expect([await answer(room.one.process, token), await room.tryLogInBy({ sub: '7' })]).toEqual([
      'TOKEN_INVALID',
      'LOGIN_REFUSED',
    ]);
    expect(await room.tryLogIn('ada')).toBe('in');
  });

  it('is refused to who is disabled, whose tokens are refused as well', async () => {
    await room.corp();
    const token = await room.logInBy();
    await room.one.principals.update(room.root, 'user', 'ada', { isDisabled: true });
    expect([await answer(room.one.process, token), await room.tryLogInBy()]).toEqual([
      'TOKEN_INVALID',
      'LOGIN_REFUSED',
    ]);
    expect(await told()).toEqual([{ method: 'jwt', reason: 'disabled', principal: 'ada' }]);
  });

  it('is refused alike for whatever is wrong, and counted', async () => {
    await room.corp({ boundClaims: [{ claim: 'tenant', values: ['x'] }] });
    const key = await newKey('key-0');
    const { login } = room.one;
    const tries = [
      room.tryLogInBy({ tenant: 'x' }, 'nowhere'),
      room.tryLogInBy({ tenant: 'x' }, 'Not a name'),
      room.tryLogInBy({ tenant: 'y' }),
      room.tryLogInBy({ tenant: 'x', aud: 'other' }),
      room.tryLogInBy({ tenant: 'x', iss: 'other' }),
      login.withJwt(ORIGIN, 'corp', await room.issuer.token({ tenant: 'x' }, {}, key)).then(() => 'in', codeOf),
      login.withJwt(ORIGIN, 'corp', new SecretValue('x')).then(() => 'in', codeOf),
    ];
    expect(new Set(await Promise.all(tries))).toEqual(new Set(['LOGIN_REFUSED']));
    // What the issuer did not sign anybody can send: it is not stored one by one.
    const reasons = (await told()).map((details) => (details as { reason: string }).reason);
    expect(reasons.sort()).toEqual(['bound-claims', 'claim-aud', 'claim-iss']);
    expect(await room.tryLogInBy({ tenant: 'x' })).toBe('in');
  });

  it('that is refused is told to operators once a minute', async () => {
    await room.corp({ provisions: false });
    for (let i = 0; i < 3; i += 1) await room.tryLogInBy();
    expect(await told()).toHaveLength(1);
    await room.clock.advance(60_000);
    await room.tryLogInBy();
    expect(await told()).toHaveLength(2);
  });

  it('is refused when the issuer is changed while its token is looked at', async () => {
    await room.corp();
    const { verify } = JwtVerifier.prototype;
    const spy = jest.spyOn(JwtVerifier.prototype, 'verify').mockImplementation(async function (
      this: JwtVerifier,
      ...args
    ) {
      const verdict = await verify.apply(this, args);
      await room.one.issuers.update(room.root, 'corp', { isDisabled: true });
      return verdict;
    });
    try {
      expect(await room.tryLogInBy()).toBe('LOGIN_REFUSED');
    } finally {
      spy.mockRestore();
    }
    expect(await room.one.principals.list(room.root, 'user', 10)).toEqual([]);
    await room.one.issuers.update(room.root, 'corp', { isDisabled: false });
    expect(await room.tryLogInBy()).toBe('in');
  });

  it('keeps no token and nothing of one that was refused in the database', async () => {
    await room.corp({ provisions: false });
    const token = await room.issuer.token({ sub: 'sub-canary', email: 'mail-canary', groups: ['group-canary'] });
    await room.one.login.withJwt(ORIGIN, 'corp', token).catch(codeOf);
    await room.one.issuers.update(room.root, 'corp', { provisions: true });
    await room.one.login.withJwt(ORIGIN, 'corp', token);
    const { rows } = await room.access.test.database.pool.query<{ row: string }>(
      `select a::text as row from audit_entry a union all select t::text from token t union all select m::text from group_member m`,
    );
    const text = rows.map(({ row }) => row).join('\n') + room.access.logs.text();
    expect(text).toContain('not-linked');
    for (const word of [...token.reveal().split('.'), 'mail-canary', 'group-canary']) expect(text).not.toContain(word);
  });
});

describe('groups of an issuer', () => {
  it('are those of the claim, at each log-in, and hold in another process within a second', async () => {
    await corpWith('ops', 'dev');
    const other = await room.start();
    const token = await room.logInBy({ groups: ['ops', 'unknown'] });
    expect(await groupsOf('ada')).toEqual(['ops']);
    await Promise.all([becomesCurrent(room.one.process), becomesCurrent(other.process)]);
    const groups = async (): Promise<string[]> =>
      (await other.process.as(token)).actor.principal!.groups.map(({ name }) => name).sort();
    expect(await groups()).toEqual(['ops']);
    await room.logInBy({ groups: ['dev'] });
    await until(async () => (await groups()).join() === 'dev');
    await room.logInBy({});
    await until(async () => (await groups()).length === 0);
    expect((await other.process.as(token)).actor.policies).toEqual([]);
  });

  it('leave alone what somebody gave by hand', async () => {
    await corpWith('ops', 'dev');
    await room.one.groups.create(room.root, { name: 'own' });
    await room.logInBy({ groups: ['ops', 'dev'] });
    for (const group of ['own', 'ops']) await room.one.groups.addMember(room.root, group, 'ada');
    await room.logInBy({ groups: [] });
    expect(await groupsOf('ada')).toEqual(['ops', 'own']);
    await room.one.groups.removeMember(room.root, 'ops', 'ada');
    expect(await groupsOf('ada')).toEqual(['own']);
    await room.logInBy({ groups: ['own', 'ops'] });
    expect(await groupsOf('ada')).toEqual(['ops', 'own']);
  });

  it('hold for tokens that were got by it, and what is made with these, alone', async () => {
    await corpWith('ops');
    await room.user('ada', ['admin']);
    await room.one.links.link(room.root, 'corp', 'ada', 'ada');
    const other = await room.logIn('ada');
    const own = await room.logInBy({ groups: ['ops'] });
    const made = await child(room.one.process, own, { policies: ['auditor'] });
    const groupsFor = async (token: SecretValue): Promise<string[]> =>
      (await room.one.process.as(token)).actor.principal!.groups.map(({ name }) => name);
    expect([await groupsFor(own), await groupsFor(made)]).toEqual([['ops'], ['ops']]);
    expect([await groupsFor(other), await groupsFor(await room.logIn('ada'))]).toEqual([[], []]);
    expect((await room.one.process.as(other)).actor.policies).toEqual(['admin']);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['log-in', () => room.logInBy({ groups: ['ops'] })],
    ['link', () => room.one.links.link(room.root, 'corp', 'ada', 'ada')],
  ])('may get a member while there is a %s: neither waits for the other in a circle', async (_, act) => {
    await corpWith('ops');
    await room.logInBy();
    const isWaiting = async (): Promise<boolean> => {
      const { rowCount } = await room.access.test.database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    };
    const { addMember } = GroupRepository.prototype;
    let acting: Promise<unknown> | undefined;
    // The group is locked by now, and the principal is about to be.
    const spy = jest.spyOn(GroupRepository.prototype, 'addMember').mockImplementation(async function (
      this: GroupRepository,
      ...args
    ) {
      acting = act();
      await until(isWaiting);
      return addMember.apply(this, args);
    });
    try {
      await room.one.groups.addMember(room.root, 'ops', 'ada');
      await acting;
    } finally {
      spy.mockRestore();
    }
    expect(await groupsOf('ada')).toEqual(['ops']);
  });

  it('end at once when they are mapped no more, for all', async () => {
    await corpWith('ops', 'dev');
    const token = await room.logInBy({ groups: ['ops', 'dev'] });
    await room.one.groups.addMember(room.root, 'dev', 'ada');
    const mapping = [{ value: 'x', group: 'dev' }];
    await room.one.issuers.update(room.root, 'corp', { groupMappings: mapping });
    expect(await groupsOf('ada')).toEqual(['dev']);
    const { actor } = await room.one.process.as(token);
    expect(actor.principal!.groups.map(({ name }) => name)).toEqual(['dev']);
  });

  it('are not mapped to one that is made anew under an old name', async () => {
    await corpWith('ops');
    await room.one.groups.remove(room.root, 'ops');
    await room.one.groups.create(room.root, { name: 'ops', policies: ['admin'] });
    await room.logInBy({ groups: ['ops'] });
    expect(await groupsOf('ada')).toEqual([]);
    expect((await room.one.issuers.get(room.root, 'corp')).groupMappings).toEqual([]);
  });

  it('are told in the audit entry of the log-in', async () => {
    await corpWith('ops', 'dev');
    await room.logInBy({ groups: ['ops'] });
    await room.logInBy({ groups: ['dev'] });
    const { rows } = await room.access.test.database.pool.query(
      `select details from audit_entry where action = 'access.login' and outcome = 'allowed'
         and resource_id in (select id::text from principal) order by epoch, tx`,
    );
    expect(rows.map(({ details }) => details as unknown)).toMatchObject([
      { method: 'jwt', issuer: 'corp', joined: 'ops', left: '' },
      { method: 'jwt', issuer: 'corp', joined: 'dev', left: 'ops' },
    ]);
  });
});

describe('an issuer that is gone', () => {
  it('ends the tokens of whom it logged in, and takes the groups that it gave', async () => {
    await corpWith('ops');
    const token = await room.logInBy({ groups: ['ops'] });
    const { id } = await room.one.principals.get(room.root, 'user', 'ada');
    await room.user('ben');
    const other = await room.logIn('ben');
    await room.one.issuers.remove(room.root, 'corp');
    expect([await answer(room.one.process, token), await answer(room.one.process, other)]).toEqual([
      'TOKEN_INVALID',
      'accepted',
    ]);
    expect(await room.tryLogInBy()).toBe('LOGIN_REFUSED');
    expect(await room.one.principals.get(room.root, 'user', 'ada')).toMatchObject({ id, groups: [] });
    // Another issuer under its name is not it: nobody gets in as those of the old one.
    await room.corp();
    expect(await room.tryLogInBy()).toBe('LOGIN_REFUSED');
    expect(await told()).toEqual([{ method: 'jwt', reason: 'name-taken', principal: 'ada' }]);
  });

  it('or disabled logs nobody in, and the same subject of another one is somebody else', async () => {
    await room.corp();
    const token = await room.logInBy();
    await room.one.issuers.update(room.root, 'corp', { isDisabled: true });
    expect([await answer(room.one.process, token), await room.tryLogInBy()]).toEqual([
      'TOKEN_INVALID',
      'LOGIN_REFUSED',
    ]);
    await room.corp({ name: 'second', nameClaim: 'name' });
    await room.logInBy({ name: 'other' }, 'second');
    expect((await room.one.links.list(room.root, 'second', 10)).map(({ name }) => name)).toEqual(['other']);
    await room.one.issuers.update(room.root, 'corp', { isDisabled: false });
    expect(await answer(room.one.process, token)).toBe('TOKEN_INVALID');
    expect(await room.tryLogInBy()).toBe('in');
  });

  it('leaves a principal that is deleted its subject: whoever comes with it is new', async () => {
    await room.corp();
    await room.logInBy();
    const { id } = await room.one.principals.get(room.root, 'user', 'ada');
    await room.one.principals.remove(room.root, 'user', 'ada');
    await room.logInBy();
    expect((await room.one.principals.get(room.root, 'user', 'ada')).id).not.toBe(id);
    expect(await room.tryLogIn('ada', PASSWORD)).toBe('LOGIN_REFUSED');
  });
});
