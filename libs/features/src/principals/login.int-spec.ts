import { describe, expect, it, jest } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { answer } from '../../../testing/src/access-room.js';
import { codeOf, ORIGIN, PASSWORD, PrincipalsRoom } from '../../../testing/src/principals-room.js';

const HOUR = 3_600_000;
const room = PrincipalsRoom.forFile();

describe('those who log in', () => {
  /** Log-ins of one user, in their order. */
  const auditOf = async (id: string): Promise<unknown[]> =>
    (
      await room.access.test.database.pool.query(
        `select outcome, details from audit_entry where action = 'access.login' and resource_id = $1 order by epoch, tx`,
        [id],
      )
    ).rows;

  describe('a log-in', () => {
    it('gives a token with what the user and their groups have, in their name', async () => {
      const { id } = await room.user('ada', ['auditor']);
      await room.one.groups.create(room.root, { name: 'ops', policies: ['operator'] });
      await room.one.groups.addMember(room.root, 'ops', 'ada');
      const { actor } = await room.one.process.as(await room.logIn('ada'));
      expect(actor).toMatchObject({
        displayName: 'ada',
        policies: ['auditor', 'operator'],
        rootId: `user:${id}`,
        principal: { kind: 'user', id, name: 'ada', groups: [{ name: 'ops' }] },
      });
      expect((await room.one.principals.get(room.root, 'user', 'ada')).lastLoginAt).toEqual(room.clock.now());
    });

    it('ends with its time, which the principal may say', async () => {
      await room.user('ada');
      await room.one.principals.create(room.root, 'user', { name: 'short', password: PASSWORD, tokenTtlSeconds: 60 });
      const [long, short] = [await room.logIn('ada'), await room.logIn('short')];
      await room.clock.advance(60_000);
      expect([await answer(room.one.process, long), await answer(room.one.process, short)]).toEqual([
        'accepted',
        'TOKEN_INVALID',
      ]);
      await room.clock.advance(12 * HOUR);
      expect(await answer(room.one.process, long)).toBe('TOKEN_INVALID');
    });

    it('is refused alike for an unknown name, a wrong password, and who is disabled or has no password', async () => {
      await room.user('ada');
      await room.user('gone');
      await room.one.principals.update(room.root, 'user', 'gone', { isDisabled: true });
      await room.one.principals.create(room.root, 'user', { name: 'none' });
      await room.one.principals.create(room.root, 'service-account', { name: 'robot' });
      const wrong = new SecretValue('something else');
      expect(await room.tryLogIn('ada', wrong)).toBe('LOGIN_REFUSED');
      for (const name of ['nobody', 'gone', 'none', 'robot', '', 'A B', `${'x'.repeat(500)}`])
        expect([name, await room.tryLogIn(name)]).toEqual([name, 'LOGIN_REFUSED']);
      expect(await room.tryLogIn('ada')).toBe('in');
    });

    it('rests after five wrong passwords, longer each time, and says so to nobody', async () => {
      const { id } = await room.user('ada');
      const wrong = new SecretValue('something else');
      for (let i = 0; i < 5; i += 1) await room.tryLogIn('ada', wrong);
      expect(await room.tryLogIn('ada')).toBe('LOGIN_REFUSED');
      await room.clock.advance(30_000);
      await room.tryLogIn('ada', wrong);
      await room.clock.advance(30_000);
      expect(await room.tryLogIn('ada')).toBe('LOGIN_REFUSED');
      await room.clock.advance(30_000);
      expect(await room.tryLogIn('ada')).toBe('in');
      expect(await auditOf(id)).toMatchObject([
        ...[1, 2, 3, 4, 5, 6].map((failedLogins) => ({ outcome: 'refused', details: { failedLogins } })),
        { outcome: 'allowed', details: { method: 'password' } },
      ]);
    });

    it('counts each of many wrong passwords at a time', async () => {
      const { id } = await room.user('ada');
      await Promise.all(Array.from({ length: 8 }, () => room.tryLogIn('ada', new SecretValue('something else'))));
      // Those that came while it rested were not looked at.
      expect(await auditOf(id)).toHaveLength(5);
      expect(await room.tryLogIn('ada')).toBe('LOGIN_REFUSED');
    });

    it.each([
      [
        'has a new password',
        () => room.one.principals.setPassword(room.root, 'ada', new SecretValue('another long password')),
      ],
      ['is disabled', () => room.one.principals.update(room.root, 'user', 'ada', { isDisabled: true })],
      ['is gone', () => room.one.principals.remove(room.root, 'user', 'ada')],
    ])('is refused when the user %s by the time the password was found right', async (_, meanwhile) => {
      await room.user('ada');
      const { verify } = room.one.hasher;
      jest.spyOn(room.one.hasher, 'verify').mockImplementation(async (hash, password) => {
        const isRight = await verify.call(room.one.hasher, hash, password);
        await meanwhile();
        return isRight;
      });
      expect(await room.tryLogIn('ada')).toBe('LOGIN_REFUSED');
    });

    it('turns away what would wait too long', async () => {
      await room.user('ada');
      const all = await Promise.all(Array.from({ length: 90 }, () => room.tryLogIn('nobody')));
      expect(new Set(all)).toEqual(new Set(['LOGIN_REFUSED', 'LOGIN_BUSY']));
      expect(await room.tryLogIn('ada')).toBe('in');
    });
  });

  it('let nobody try out passwords with a stolen token, and take them however they are composed', async () => {
    const composed = new SecretValue('Caf\u00e9 au lait, s\u2019il');
    await room.one.principals.create(room.root, 'user', { name: 'ada', password: composed });
    const token = await room.logIn('ada', new SecretValue('Cafe\u0301 au lait, s\u2019il'));
    const thief = await room.one.process.as(token);
    const guess = new SecretValue('something else');
    const change = (current: SecretValue<string>): Promise<string> =>
      room.one.principals.changeOwnPassword(thief, current, guess).then(() => 'done', codeOf);
    // All at a time: what counts is the row when each has been checked.
    const answers = await Promise.all([...Array.from({ length: 12 }, () => change(guess)), change(composed)]);
    expect(new Set(answers)).toEqual(new Set(['CURRENT_PASSWORD_REFUSED']));
    expect(await room.tryLogIn('ada', composed)).toBe('LOGIN_REFUSED');
  });

  describe('a service account', () => {
    const logInWith = (id: string, secret: SecretValue<string>): Promise<string> =>
      room.one.login.withClientCredential(ORIGIN, id, secret).then(() => 'in', codeOf);

    it('logs in with each of its credentials, until that ends or is removed', async () => {
      await room.one.principals.create(room.root, 'service-account', { name: 'robot', policies: ['developer'] });
      const first = await room.one.credentials.create(room.root, 'robot', { label: 'ci', ttlSeconds: 60 });
      const second = await room.one.credentials.create(room.root, 'robot', {});
      const { token } = await room.one.login.withClientCredential(ORIGIN, first.clientId, first.clientSecret);
      expect((await room.one.process.as(token)).actor).toMatchObject({ policies: ['developer'], displayName: 'robot' });
      expect(await room.one.credentials.list(room.root, 'robot')).toMatchObject([
        { label: 'ci', lastUsedAt: room.clock.now() },
        {},
      ]);
      await room.clock.advance(60_000);
      expect(await logInWith(first.clientId, first.clientSecret)).toBe('LOGIN_REFUSED');
      expect(await logInWith(second.clientId, second.clientSecret)).toBe('in');
      await room.one.credentials.remove(room.root, 'robot', second.view.id);
      expect(await logInWith(second.clientId, second.clientSecret)).toBe('LOGIN_REFUSED');
    });

    it('acts for the user who made its credential, in whatever is made with it, and when that is removed', async () => {
      const { id } = await room.user('ada', ['admin']);
      const ada = await room.one.process.as(await room.logIn('ada'));
      await room.one.principals.create(ada, 'service-account', { name: 'robot', policies: ['admin'] });
      const made = await room.one.credentials.create(ada, 'robot', {});
      const robot = await room.one.login.withClientCredential(ORIGIN, made.clientId, made.clientSecret);
      await room.one.credentials.remove(ada, 'robot', made.view.id);
      const asRobot = await room.one.process.as(robot.token);
      const orphan = await room.one.process.as(
        (await room.one.process.tokens.create(asRobot, { isOrphan: true, policies: ['admin'] })).token,
      );
      await room.one.principals.create(orphan, 'service-account', { name: 'other', policies: ['admin'] });
      const next = await room.one.credentials.create(orphan, 'other', {});
      const other = await room.one.login.withClientCredential(ORIGIN, next.clientId, next.clientSecret);
      for (const caller of [ada, asRobot, orphan, await room.one.process.as(other.token)])
        expect(await room.one.process.tokens.findSponsor(caller)).toBe(id);
      expect(await room.one.process.tokens.findSponsor(room.root)).toBeUndefined();
    });

    it('does not log in as another one, nor with what is no secret', async () => {
      for (const name of ['a', 'b']) await room.one.principals.create(room.root, 'service-account', { name });
      const a = await room.one.credentials.create(room.root, 'a', {});
      const b = await room.one.credentials.create(room.root, 'b', {});
      expect(await logInWith(b.clientId, a.clientSecret)).toBe('LOGIN_REFUSED');
      for (const secret of ['', 'x', `${a.clientSecret.reveal()}x`, `${a.clientSecret.reveal().slice(0, -1)}!`])
        expect(await logInWith(a.clientId, new SecretValue(secret))).toBe('LOGIN_REFUSED');
      expect(await logInWith('no id', a.clientSecret)).toBe('LOGIN_REFUSED');
    });

    it('keeps no secret in the database', async () => {
      await room.one.principals.create(room.root, 'service-account', { name: 'robot' });
      const { clientSecret } = await room.one.credentials.create(room.root, 'robot', {});
      await room.user('ada');
      const { rows } = await room.access.test.database.pool.query<{ row: string }>(
        'select c::text as row from client_credential c union all select p::text from principal p',
      );
      const text = rows.map(({ row }) => row).join('\n');
      expect(text).toContain('$argon2id$v=19$m=19456');
      expect(text).not.toContain(clientSecret.reveal().slice(5));
      expect(text).not.toContain(PASSWORD.reveal());
    });
  });
});
