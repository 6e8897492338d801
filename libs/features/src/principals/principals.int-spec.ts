import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { isAppError, SecretValue, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { FakeClock } from '@claviger/testing';
import {
  AccessRoom,
  answer,
  becomesCurrent,
  child,
  until,
  type AccessProcess,
} from '../../../testing/src/access-room.js';
import { ClientCredentialRepository } from './client-credential.repository.js';
import { ClientCredentialService } from './client-credential.service.js';
import { Granting } from './granting.js';
import { GroupRepository } from './group.repository.js';
import { GroupService } from './group.service.js';
import { Lockouts } from './lockouts.js';
import { LoginService } from './login.service.js';
import { PasswordHasher } from './password-hasher.js';
import { PrincipalRepository } from './principal.repository.js';
import { PrincipalService } from './principal.service.js';

const room = AccessRoom.forFile();
const PASSWORD = new SecretValue('correct horse battery');
const ORIGIN = { requestId: 'request', remoteAddress: '192.0.2.7' };
const HOUR = 3_600_000;

const codeOf = (error: unknown): string => {
  if (isAppError(error)) return error.code;
  throw error;
};

/** The services of one process. */
function principalsOf(process: AccessProcess, clock: FakeClock) {
  const { database, access, tokens, epoch } = process;
  const { keyring } = room;
  const audit = new AuditService(database, keyring, clock);
  const [principals, groups] = [new PrincipalRepository(database), new GroupRepository(database)];
  const [credentials, hasher] = [new ClientCredentialRepository(database), new PasswordHasher()];
  const granting = new Granting(access, process.policies, groups);
  const lockouts = new Lockouts(principals, audit, clock);
  return {
    process,
    hasher,
    principals: new PrincipalService(
      ...([database, principals, groups, granting, hasher, lockouts, access, tokens, epoch, audit] as const),
    ),
    groups: new GroupService(database, groups, principals, granting, access, epoch, audit),
    credentials: new ClientCredentialService(
      ...([database, credentials, principals, granting, access, audit, keyring, clock] as const),
    ),
    login: new LoginService(
      ...([database, principals, credentials, hasher, lockouts, tokens, audit, keyring, clock] as const),
    ),
  };
}
type Principals = ReturnType<typeof principalsOf>;

describe('principals', () => {
  let clock: FakeClock;
  let one: Principals;
  let root: RequestContext;
  beforeEach(async () => {
    clock = new FakeClock();
    await room.test.database.pool.query('delete from principal; delete from principal_group');
    one = principalsOf(await room.start(clock), clock);
    root = await one.process.as(room.root);
  });

  const user = (name: string, policies: string[] = []) =>
    one.principals.create(root, 'user', { name, policies, password: PASSWORD });
  const logIn = async (name: string, password = PASSWORD, at = one): Promise<SecretValue> =>
    (await at.login.withPassword(ORIGIN, name, password)).token;
  const refused = (name: string, password = PASSWORD): Promise<string> =>
    logIn(name, password).then(() => 'in', codeOf);
  const mayDo = async (token: SecretValue, path: string, at = one): Promise<boolean> =>
    at.process.access.can(await at.process.as(token), path, 'read');
  /** Log-ins of one user, in their order. */
  const auditOf = async (id: string): Promise<unknown[]> =>
    (
      await room.test.database.pool.query(
        `select outcome, details from audit_entry where action = 'access.login' and resource_id = $1 order by epoch, tx`,
        [id],
      )
    ).rows;

  describe('a log-in', () => {
    it('gives a token with what the user and their groups have, in their name', async () => {
      const { id } = await user('ada', ['auditor']);
      await one.groups.create(root, { name: 'ops', policies: ['operator'] });
      await one.groups.addMember(root, 'ops', 'ada');
      const { actor } = await one.process.as(await logIn('ada'));
      expect(actor).toMatchObject({
        displayName: 'ada',
        policies: ['auditor', 'operator'],
        rootId: `user:${id}`,
        principal: { kind: 'user', id, name: 'ada', groups: [{ name: 'ops' }] },
      });
      expect((await one.principals.get(root, 'user', 'ada')).lastLoginAt).toEqual(clock.now());
    });

    it('ends with its time, which the principal may say', async () => {
      await user('ada');
      await one.principals.create(root, 'user', { name: 'short', password: PASSWORD, tokenTtlSeconds: 60 });
      const [long, short] = [await logIn('ada'), await logIn('short')];
      await clock.advance(60_000);
      expect([await answer(one.process, long), await answer(one.process, short)]).toEqual([
        'accepted',
        'TOKEN_INVALID',
      ]);
      await clock.advance(12 * HOUR);
      expect(await answer(one.process, long)).toBe('TOKEN_INVALID');
    });

    it('is refused alike for an unknown name, a wrong password, and who is disabled or has no password', async () => {
      await user('ada');
      await user('gone');
      await one.principals.update(root, 'user', 'gone', { isDisabled: true });
      await one.principals.create(root, 'user', { name: 'none' });
      await one.principals.create(root, 'service-account', { name: 'robot' });
      const wrong = new SecretValue('something else');
      expect(await refused('ada', wrong)).toBe('LOGIN_REFUSED');
      for (const name of ['nobody', 'gone', 'none', 'robot', '', 'A B', `${'x'.repeat(500)}`])
        expect([name, await refused(name)]).toEqual([name, 'LOGIN_REFUSED']);
      expect(await refused('ada')).toBe('in');
    });

    it('rests after five wrong passwords, longer each time, and says so to nobody', async () => {
      const { id } = await user('ada');
      const wrong = new SecretValue('something else');
      for (let i = 0; i < 5; i += 1) await refused('ada', wrong);
      expect(await refused('ada')).toBe('LOGIN_REFUSED');
      await clock.advance(30_000);
      await refused('ada', wrong);
      await clock.advance(30_000);
      expect(await refused('ada')).toBe('LOGIN_REFUSED');
      await clock.advance(30_000);
      expect(await refused('ada')).toBe('in');
      expect(await auditOf(id)).toMatchObject([
        ...[1, 2, 3, 4, 5, 6].map((failedLogins) => ({ outcome: 'refused', details: { failedLogins } })),
        { outcome: 'allowed', details: { method: 'password' } },
      ]);
    });

    it('counts each of many wrong passwords at a time', async () => {
      const { id } = await user('ada');
      await Promise.all(Array.from({ length: 8 }, () => refused('ada', new SecretValue('something else'))));
      // Those that came while it rested were not looked at.
      expect(await auditOf(id)).toHaveLength(5);
      expect(await refused('ada')).toBe('LOGIN_REFUSED');
    });

    it.each([
      ['has a new password', () => one.principals.setPassword(root, 'ada', new SecretValue('another long password'))],
      ['is disabled', () => one.principals.update(root, 'user', 'ada', { isDisabled: true })],
      ['is gone', () => one.principals.remove(root, 'user', 'ada')],
    ])('is refused when the user %s by the time the password was found right', async (_, meanwhile) => {
      await user('ada');
      const { verify } = one.hasher;
      jest.spyOn(one.hasher, 'verify').mockImplementation(async (hash, password) => {
        const isRight = await verify.call(one.hasher, hash, password);
        await meanwhile();
        return isRight;
      });
      expect(await refused('ada')).toBe('LOGIN_REFUSED');
    });

    it('turns away what would wait too long', async () => {
      await user('ada');
      const all = await Promise.all(Array.from({ length: 90 }, () => refused('nobody')));
      expect(new Set(all)).toEqual(new Set(['LOGIN_REFUSED', 'LOGIN_BUSY']));
      expect(await refused('ada')).toBe('in');
    });
  });

  it('let nobody try out passwords with a stolen token, and take them however they are composed', async () => {
    const composed = new SecretValue('Caf\u00e9 au lait, s\u2019il');
    await one.principals.create(root, 'user', { name: 'ada', password: composed });
    const token = await logIn('ada', new SecretValue('Cafe\u0301 au lait, s\u2019il'));
    const thief = await one.process.as(token);
    const guess = new SecretValue('something else');
    const change = (current: SecretValue<string>): Promise<string> =>
      one.principals.changeOwnPassword(thief, current, guess).then(() => 'done', codeOf);
    // All at a time: what counts is the row when each has been checked.
    const answers = await Promise.all([...Array.from({ length: 12 }, () => change(guess)), change(composed)]);
    expect(new Set(answers)).toEqual(new Set(['CURRENT_PASSWORD_REFUSED']));
    expect(await refused('ada', composed)).toBe('LOGIN_REFUSED');
  });

  describe('a service account', () => {
    const logInWith = (id: string, secret: SecretValue<string>): Promise<string> =>
      one.login.withClientCredential(ORIGIN, id, secret).then(() => 'in', codeOf);

    it('logs in with each of its credentials, until that ends or is removed', async () => {
      await one.principals.create(root, 'service-account', { name: 'robot', policies: ['developer'] });
      const first = await one.credentials.create(root, 'robot', { label: 'ci', ttlSeconds: 60 });
      const second = await one.credentials.create(root, 'robot', {});
      const { token } = await one.login.withClientCredential(ORIGIN, first.clientId, first.clientSecret);
      expect((await one.process.as(token)).actor).toMatchObject({ policies: ['developer'], displayName: 'robot' });
      expect(await one.credentials.list(root, 'robot')).toMatchObject([{ label: 'ci', lastUsedAt: clock.now() }, {}]);
      await clock.advance(60_000);
      expect(await logInWith(first.clientId, first.clientSecret)).toBe('LOGIN_REFUSED');
      expect(await logInWith(second.clientId, second.clientSecret)).toBe('in');
      await one.credentials.remove(root, 'robot', second.view.id);
      expect(await logInWith(second.clientId, second.clientSecret)).toBe('LOGIN_REFUSED');
    });

    it('does not log in as another one, nor with what is no secret', async () => {
      for (const name of ['a', 'b']) await one.principals.create(root, 'service-account', { name });
      const a = await one.credentials.create(root, 'a', {});
      const b = await one.credentials.create(root, 'b', {});
      expect(await logInWith(b.clientId, a.clientSecret)).toBe('LOGIN_REFUSED');
      for (const secret of ['', 'x', `${a.clientSecret.reveal()}x`, `${a.clientSecret.reveal().slice(0, -1)}!`])
        expect(await logInWith(a.clientId, new SecretValue(secret))).toBe('LOGIN_REFUSED');
      expect(await logInWith('no id', a.clientSecret)).toBe('LOGIN_REFUSED');
    });

    it('keeps no secret in the database', async () => {
      await one.principals.create(root, 'service-account', { name: 'robot' });
      const { clientSecret } = await one.credentials.create(root, 'robot', {});
      await user('ada');
      const { rows } = await room.test.database.pool.query<{ row: string }>(
        'select c::text as row from client_credential c union all select p::text from principal p',
      );
      const text = rows.map(({ row }) => row).join('\n');
      expect(text).toContain('$argon2id$v=19$m=19456');
      expect(text).not.toContain(clientSecret.reveal().slice(5));
      expect(text).not.toContain(PASSWORD.reveal());
    });
  });

  describe('what is taken from somebody', () => {
    it('is gone in another process within a second: rights of a group, membership, and everything when disabled', async () => {
      const other = principalsOf(await room.start(clock), clock);
      await user('ada');
      await one.groups.create(root, { name: 'ops', policies: ['operator'] });
      const token = await logIn('ada');
      const path = 'claviger/vault-instances/x';
      await Promise.all([becomesCurrent(one.process), becomesCurrent(other.process)]);
      const becomes = (allowed: boolean) => until(async () => (await mayDo(token, path, other)) === allowed);
      expect(await mayDo(token, path, other)).toBe(false);
      await one.groups.addMember(root, 'ops', 'ada');
      await becomes(true);
      await one.groups.update(root, 'ops', { policies: [] });
      await becomes(false);
      await one.groups.update(root, 'ops', { policies: ['operator'] });
      await becomes(true);
      await one.groups.removeMember(root, 'ops', 'ada');
      await becomes(false);
      const childToken = await child(one.process, room.root);
      await one.principals.update(root, 'user', 'ada', { isDisabled: true });
      await until(async () => (await answer(other.process, token)) === 'TOKEN_INVALID');
      expect(await answer(other.process, childToken)).toBe('accepted');
      await one.principals.update(root, 'user', 'ada', { isDisabled: false });
      await until(async () => (await answer(other.process, token)) === 'accepted');
      await one.principals.remove(root, 'user', 'ada');
      await until(async () => (await answer(other.process, token)) === 'TOKEN_INVALID');
    });

    it('is gone from the tokens that they made, too', async () => {
      await user('ada', ['admin']);
      const token = await logIn('ada');
      const made = await child(one.process, token, { policies: ['developer'] });
      expect((await one.process.as(made)).actor).toMatchObject({
        policies: ['developer'],
        rootId: expect.stringMatching(/^user:/),
        principal: { name: 'ada' },
      });
      await one.principals.update(root, 'user', 'ada', { isDisabled: true });
      expect(await answer(one.process, made)).toBe('TOKEN_INVALID');
    });

    it('ends the other tokens of who changes the password, and all of whose password is set', async () => {
      await user('ada');
      const [mine, other] = [await logIn('ada'), await logIn('ada')];
      const ctx = await one.process.as(mine);
      const next = new SecretValue('another long password');
      const change = (current: SecretValue<string>) => one.principals.changeOwnPassword(ctx, current, next);
      expect(await change(next).then(() => 'done', codeOf)).toBe('CURRENT_PASSWORD_REFUSED');
      await change(PASSWORD);
      expect([await answer(one.process, mine), await answer(one.process, other)]).toEqual([
        'accepted',
        'TOKEN_INVALID',
      ]);
      expect([await refused('ada'), await refused('ada', next)]).toEqual(['LOGIN_REFUSED', 'in']);
      await one.principals.setPassword(root, 'ada', PASSWORD);
      expect([await answer(one.process, mine), await refused('ada')]).toEqual(['TOKEN_INVALID', 'in']);
    });
  });

  it('keep the token that they change their password with, and what that one descends from', async () => {
    await user('ada', ['developer']);
    const [mine, other] = [await logIn('ada'), await logIn('ada')];
    await one.process.policies.create(root, 'maker', '{"path": {"claviger/tokens/": {"capabilities": ["create"]}}}');
    await one.principals.update(root, 'user', 'ada', { policies: ['developer', 'maker'] });
    const made = await child(one.process, mine, { policies: ['developer'] });
    await one.principals.changeOwnPassword(
      await one.process.as(made),
      PASSWORD,
      new SecretValue('another long password'),
    );
    const answers = await Promise.all([mine, made, other].map((token) => answer(one.process, token)));
    expect(answers).toEqual(['accepted', 'accepted', 'TOKEN_INVALID']);
  });

  it('do not become somebody else by a policy that speaks of its caller', async () => {
    const policy = (path: Record<string, object>): string => JSON.stringify({ path });
    const own = { 'kv/data/{{identity.entity.name}}/*': { capabilities: ['read'] } };
    const team = { 'kv/team/{{identity.groups.names.ops.name}}/*': { capabilities: ['read'] } };
    const keep = { capabilities: ['create', 'read', 'update', 'delete'] };
    await one.process.policies.create(root, 'own', policy({ ...own, ...team }));
    const nouns = ['users', 'groups', 'service-accounts'];
    await one.process.policies.create(
      root,
      'keeper',
      policy(Object.fromEntries(nouns.map((noun) => [`claviger/${noun}/*`, keep]))),
    );
    for (const name of ['mallory', 'ben']) await user(name, ['own', 'keeper']);
    await one.principals.create(root, 'service-account', { name: 'robot', policies: ['own'] });
    await one.groups.create(root, { name: 'owners', policies: ['own'] });
    const mallory = await one.process.as(await logIn('mallory'));
    for (const [what, act] of [
      ['set the password', () => one.principals.setPassword(mallory, 'ben', PASSWORD)],
      ['make a credential', () => one.credentials.create(mallory, 'robot', {})],
      ['create', () => one.principals.create(mallory, 'user', { name: 'carl', policies: ['own'], password: PASSWORD })],
      ['put into the group', () => one.groups.addMember(mallory, 'owners', 'robot')],
      [
        'make and enter a group',
        async () => {
          await one.groups.create(mallory, { name: 'ops' });
          await one.groups.addMember(mallory, 'ops', 'mallory');
        },
      ],
    ] as const)
      expect([what, await act().then(() => 'done', codeOf)]).toEqual([what, 'POLICIES_EXCEED_OWN']);
    await one.principals.setPassword(mallory, 'mallory', new SecretValue('one that is mine alone'));
    await one.principals.setPassword(root, 'ben', PASSWORD);
  });

  describe('who may not do everything', () => {
    it('gives away nothing that they do not have, by whatever way', async () => {
      await one.process.policies.create(
        root,
        'keeper',
        JSON.stringify({
          path: Object.fromEntries(
            ['users', 'groups', 'service-accounts'].map((noun) => [
              `claviger/${noun}/*`,
              { capabilities: ['create', 'read', 'update', 'delete', 'list'] },
            ]),
          ),
        }),
      );
      await user('keeper', ['keeper', 'auditor']);
      await user('boss', ['admin']);
      await one.groups.create(root, { name: 'bosses', policies: ['admin'] });
      await one.groups.create(root, { name: 'all', policies: [] });
      await one.principals.create(root, 'service-account', { name: 'strong' });
      await one.groups.addMember(root, 'bosses', 'strong');
      const keeper = await one.process.as(await logIn('keeper'));
      const exceeds = async (act: Promise<unknown>): Promise<void> =>
        expect(await act.then(() => 'done', codeOf)).toBe('POLICIES_EXCEED_OWN');
      await exceeds(one.principals.create(keeper, 'user', { name: 'x', policies: ['developer'] }));
      await exceeds(one.principals.update(keeper, 'user', 'keeper', { policies: ['keeper', 'admin'] }));
      await exceeds(one.groups.create(keeper, { name: 'x', policies: ['admin'] }));
      await exceeds(one.groups.update(keeper, 'all', { policies: ['admin'] }));
      await exceeds(one.groups.addMember(keeper, 'bosses', 'keeper'));
      await exceeds(one.principals.setPassword(keeper, 'boss', PASSWORD));
      await exceeds(one.credentials.create(keeper, 'strong', {}));
      const made = await one.principals.create(keeper, 'user', {
        name: 'peer',
        policies: ['auditor'],
        password: PASSWORD,
      });
      expect(made.policies).toEqual(['auditor']);
      expect(await one.principals.update(keeper, 'user', 'boss', { displayName: 'The boss' })).toMatchObject({
        policies: ['admin'],
      });
      await expect(one.principals.create(root, 'user', { name: 'x', policies: ['root'] })).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    });

    it('is refused everything without permission, alike for what is there and what is not', async () => {
      await user('ada');
      const ada = await one.process.as(await logIn('ada'));
      for (const name of ['ada', 'nobody'])
        for (const act of [
          one.principals.get(ada, 'user', name),
          one.principals.update(ada, 'user', name, { displayName: 'x' }),
          one.principals.remove(ada, 'user', name),
          one.principals.setPassword(ada, name, PASSWORD),
          one.groups.get(ada, name),
          one.groups.addMember(ada, name, name),
          one.credentials.list(ada, name),
          one.credentials.create(ada, name, {}),
        ])
          expect(await act.then(() => 'done', codeOf)).toBe('ACCESS_DENIED');
    });
  });

  it('speak for themselves in the paths of a policy', async () => {
    const own = { 'kv/data/{{identity.entity.name}}/*': { capabilities: ['read'] } };
    const team = { 'kv/data/team/{{identity.groups.names.ops.name}}': { capabilities: ['read'] } };
    await one.process.policies.create(root, 'own', JSON.stringify({ path: { ...own, ...team } }));
    for (const name of ['ada', 'bob']) await user(name, ['own']);
    await one.groups.create(root, { name: 'ops' });
    await one.groups.addMember(root, 'ops', 'ada');
    const [ada, bob] = [await logIn('ada'), await logIn('bob')];
    const may = (token: SecretValue) =>
      Promise.all(['kv/data/ada/x', 'kv/data/bob/x', 'kv/data/team/ops'].map((path) => mayDo(token, path)));
    expect([await may(ada), await may(bob)]).toEqual([
      [true, false, true],
      [false, true, false],
    ]);
  });

  it('have names of their own, and change by revision', async () => {
    await user('ada');
    await expect(user('ada')).rejects.toMatchObject({ code: 'PRINCIPAL_EXISTS' });
    await expect(one.principals.create(root, 'service-account', { name: 'ada' })).rejects.toMatchObject({
      code: 'PRINCIPAL_EXISTS',
    });
    for (const name of ['', 'self', 'A', 'a b', '-a', 'x'.repeat(129), 'a/b'])
      await expect(user(name)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(
      one.principals.create(root, 'user', { name: 'b', password: new SecretValue('short') }),
    ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    const changed = await one.principals.update(root, 'user', 'ada', { displayName: 'Ada' }, 1);
    expect(changed).toMatchObject({ displayName: 'Ada', revision: 2 });
    await expect(one.principals.update(root, 'user', 'ada', {}, 1)).rejects.toMatchObject({ code: 'STALE_MATCH' });
    await one.groups.create(root, { name: 'ops' });
    await expect(one.groups.create(root, { name: 'ops' })).rejects.toMatchObject({ code: 'GROUP_EXISTS' });
    await one.groups.addMember(root, 'ops', 'ada');
    await one.groups.addMember(root, 'ops', 'ada');
    expect(await one.groups.listMembers(root, 'ops', 10)).toMatchObject([{ name: 'ada' }]);
    expect((await one.principals.list(root, 'user', 10)).map(({ name, groups }) => [name, groups])).toEqual([
      ['ada', ['ops']],
    ]);
    await one.groups.remove(root, 'ops', 1);
    await expect(one.groups.get(root, 'ops')).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
  });
});
