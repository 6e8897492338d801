import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { answer, becomesCurrent, child, until } from '../../../testing/src/access-room.js';
import { codeOf, PASSWORD, PrincipalsRoom } from '../../../testing/src/principals-room.js';

const room = PrincipalsRoom.forFile();

describe('principals', () => {
  const mayDo = async (token: SecretValue, path: string, at = room.one): Promise<boolean> =>
    at.process.access.can(await at.process.as(token), path, 'read');

  describe('what is taken from somebody', () => {
    it('is gone in another process within a second: rights of a group, membership, and everything when disabled', async () => {
      const other = await room.start();
      await room.user('ada');
      await room.one.groups.create(room.root, { name: 'ops', policies: ['operator'] });
      const token = await room.logIn('ada');
      const path = 'claviger/vault-instances/x';
      await Promise.all([becomesCurrent(room.one.process), becomesCurrent(other.process)]);
      const becomes = (allowed: boolean) => until(async () => (await mayDo(token, path, other)) === allowed);
      expect(await mayDo(token, path, other)).toBe(false);
      await room.one.groups.addMember(room.root, 'ops', 'ada');
      await becomes(true);
      await room.one.groups.update(room.root, 'ops', { policies: [] });
      await becomes(false);
      await room.one.groups.update(room.root, 'ops', { policies: ['operator'] });
      await becomes(true);
      await room.one.groups.removeMember(room.root, 'ops', 'ada');
      await becomes(false);
      const childToken = await child(room.one.process, room.access.root);
      await room.one.principals.update(room.root, 'user', 'ada', { isDisabled: true });
      await until(async () => (await answer(other.process, token)) === 'TOKEN_INVALID');
      expect(await answer(other.process, childToken)).toBe('accepted');
      await room.one.principals.update(room.root, 'user', 'ada', { isDisabled: false });
      await until(async () => (await answer(other.process, token)) === 'accepted');
      await room.one.principals.remove(room.root, 'user', 'ada');
      await until(async () => (await answer(other.process, token)) === 'TOKEN_INVALID');
    });

    it('is gone from the tokens that they made, too', async () => {
      await room.user('ada', ['admin']);
      const token = await room.logIn('ada');
      const made = await child(room.one.process, token, { policies: ['developer'] });
      expect((await room.one.process.as(made)).actor).toMatchObject({
        policies: ['developer'],
        rootId: expect.stringMatching(/^user:/),
        principal: { name: 'ada' },
      });
      await room.one.principals.update(room.root, 'user', 'ada', { isDisabled: true });
      expect(await answer(room.one.process, made)).toBe('TOKEN_INVALID');
    });

    it('ends the other tokens of who changes the password, and all of whose password is set', async () => {
      await room.user('ada');
      const [mine, other] = [await room.logIn('ada'), await room.logIn('ada')];
      const ctx = await room.one.process.as(mine);
      const next = new SecretValue('another long password');
      const change = (current: SecretValue<string>) => room.one.principals.changeOwnPassword(ctx, current, next);
      expect(await change(next).then(() => 'done', codeOf)).toBe('CURRENT_PASSWORD_REFUSED');
      await change(PASSWORD);
      expect([await answer(room.one.process, mine), await answer(room.one.process, other)]).toEqual([
        'accepted',
        'TOKEN_INVALID',
      ]);
      expect([await room.tryLogIn('ada'), await room.tryLogIn('ada', next)]).toEqual(['LOGIN_REFUSED', 'in']);
      await room.one.principals.setPassword(room.root, 'ada', PASSWORD);
      expect([await answer(room.one.process, mine), await room.tryLogIn('ada')]).toEqual(['TOKEN_INVALID', 'in']);
    });
  });

  it('keep the token that they change their password with, and what that one descends from', async () => {
    await room.user('ada', ['developer']);
    const [mine, other] = [await room.logIn('ada'), await room.logIn('ada')];
    await room.one.process.policies.create(
      room.root,
      'maker',
      '{"path": {"claviger/tokens/": {"capabilities": ["create"]}}}',
    );
    await room.one.principals.update(room.root, 'user', 'ada', { policies: ['developer', 'maker'] });
    const made = await child(room.one.process, mine, { policies: ['developer'] });
    await room.one.principals.changeOwnPassword(
      await room.one.process.as(made),
      PASSWORD,
      new SecretValue('another long password'),
    );
    const answers = await Promise.all([mine, made, other].map((token) => answer(room.one.process, token)));
    expect(answers).toEqual(['accepted', 'accepted', 'TOKEN_INVALID']);
  });

  it('do not become somebody else by a policy that speaks of its caller', async () => {
    const policy = (path: Record<string, object>): string => JSON.stringify({ path });
    const own = { 'kv/data/{{identity.entity.name}}/*': { capabilities: ['read'] } };
    const team = { 'kv/team/{{identity.groups.names.ops.name}}/*': { capabilities: ['read'] } };
    const keep = { capabilities: ['create', 'read', 'update', 'delete'] };
    await room.one.process.policies.create(room.root, 'own', policy({ ...own, ...team }));
    const nouns = ['users', 'groups', 'service-accounts'];
    await room.one.process.policies.create(
      room.root,
      'keeper',
      policy(Object.fromEntries(nouns.map((noun) => [`claviger/${noun}/*`, keep]))),
    );
    for (const name of ['mallory', 'ben']) await room.user(name, ['own', 'keeper']);
    await room.one.principals.create(room.root, 'service-account', { name: 'robot', policies: ['own'] });
    await room.one.groups.create(room.root, { name: 'owners', policies: ['own'] });
    const mallory = await room.one.process.as(await room.logIn('mallory'));
    for (const [what, act] of [
      ['set the password', () => room.one.principals.setPassword(mallory, 'ben', PASSWORD)],
      ['make a credential', () => room.one.credentials.create(mallory, 'robot', {})],
      [
        'create',
        () => room.one.principals.create(mallory, 'user', { name: 'carl', policies: ['own'], password: PASSWORD }),
      ],
      ['put into the group', () => room.one.groups.addMember(mallory, 'owners', 'robot')],
      [
        'make and enter a group',
        async () => {
          await room.one.groups.create(mallory, { name: 'ops' });
          await room.one.groups.addMember(mallory, 'ops', 'mallory');
        },
      ],
    ] as const)
      expect([what, await act().then(() => 'done', codeOf)]).toEqual([what, 'POLICIES_EXCEED_OWN']);
    await room.one.principals.setPassword(mallory, 'mallory', new SecretValue('one that is mine alone'));
    await room.one.principals.setPassword(room.root, 'ben', PASSWORD);
  });

  describe('who may not do everything', () => {
    it('gives away nothing that they do not have, by whatever way', async () => {
      await room.one.process.policies.create(
        room.root,
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
      await room.user('keeper', ['keeper', 'auditor']);
      await room.user('boss', ['admin']);
      await room.one.groups.create(room.root, { name: 'bosses', policies: ['admin'] });
      await room.one.groups.create(room.root, { name: 'all', policies: [] });
      await room.one.principals.create(room.root, 'service-account', { name: 'strong' });
      await room.one.groups.addMember(room.root, 'bosses', 'strong');
      const keeper = await room.one.process.as(await room.logIn('keeper'));
      const exceeds = async (act: Promise<unknown>): Promise<void> =>
        expect(await act.then(() => 'done', codeOf)).toBe('POLICIES_EXCEED_OWN');
      await exceeds(room.one.principals.create(keeper, 'user', { name: 'x', policies: ['developer'] }));
      await exceeds(room.one.principals.update(keeper, 'user', 'keeper', { policies: ['keeper', 'admin'] }));
      await exceeds(room.one.groups.create(keeper, { name: 'x', policies: ['admin'] }));
      await exceeds(room.one.groups.update(keeper, 'all', { policies: ['admin'] }));
      await exceeds(room.one.groups.addMember(keeper, 'bosses', 'keeper'));
      await exceeds(room.one.principals.setPassword(keeper, 'boss', PASSWORD));
      await exceeds(room.one.credentials.create(keeper, 'strong', {}));
      const made = await room.one.principals.create(keeper, 'user', {
        name: 'peer',
        policies: ['auditor'],
        password: PASSWORD,
      });
      expect(made.policies).toEqual(['auditor']);
      expect(await room.one.principals.update(keeper, 'user', 'boss', { displayName: 'The boss' })).toMatchObject({
        policies: ['admin'],
      });
      await expect(
        room.one.principals.create(room.root, 'user', { name: 'x', policies: ['root'] }),
      ).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    });

    it('is refused everything without permission, alike for what is there and what is not', async () => {
      await room.user('ada');
      const ada = await room.one.process.as(await room.logIn('ada'));
      for (const name of ['ada', 'nobody'])
        for (const act of [
          room.one.principals.get(ada, 'user', name),
          room.one.principals.update(ada, 'user', name, { displayName: 'x' }),
          room.one.principals.remove(ada, 'user', name),
          room.one.principals.setPassword(ada, name, PASSWORD),
          room.one.groups.get(ada, name),
          room.one.groups.addMember(ada, name, name),
          room.one.credentials.list(ada, name),
          room.one.credentials.create(ada, name, {}),
        ])
          expect(await act.then(() => 'done', codeOf)).toBe('ACCESS_DENIED');
    });
  });

  it('speak for themselves in the paths of a policy', async () => {
    const own = { 'kv/data/{{identity.entity.name}}/*': { capabilities: ['read'] } };
    const team = { 'kv/data/team/{{identity.groups.names.ops.name}}': { capabilities: ['read'] } };
    await room.one.process.policies.create(room.root, 'own', JSON.stringify({ path: { ...own, ...team } }));
    for (const name of ['ada', 'bob']) await room.user(name, ['own']);
    await room.one.groups.create(room.root, { name: 'ops' });
    await room.one.groups.addMember(room.root, 'ops', 'ada');
    const [ada, bob] = [await room.logIn('ada'), await room.logIn('bob')];
    const may = (token: SecretValue) =>
      Promise.all(['kv/data/ada/x', 'kv/data/bob/x', 'kv/data/team/ops'].map((path) => mayDo(token, path)));
    expect([await may(ada), await may(bob)]).toEqual([
      [true, false, true],
      [false, true, false],
    ]);
  });

  it('have names of their own, and change by revision', async () => {
    await room.user('ada');
    await expect(room.user('ada')).rejects.toMatchObject({ code: 'PRINCIPAL_EXISTS' });
    await expect(room.one.principals.create(room.root, 'service-account', { name: 'ada' })).rejects.toMatchObject({
      code: 'PRINCIPAL_EXISTS',
    });
    for (const name of ['', 'self', 'A', 'a b', '-a', 'x'.repeat(129), 'a/b'])
      await expect(room.user(name)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(
      room.one.principals.create(room.root, 'user', { name: 'b', password: new SecretValue('short') }),
    ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    const changed = await room.one.principals.update(room.root, 'user', 'ada', { displayName: 'Ada' }, 1);
    expect(changed).toMatchObject({ displayName: 'Ada', revision: 2 });
    await expect(room.one.principals.update(room.root, 'user', 'ada', {}, 1)).rejects.toMatchObject({
      code: 'STALE_MATCH',
    });
    await room.one.groups.create(room.root, { name: 'ops' });
    await expect(room.one.groups.create(room.root, { name: 'ops' })).rejects.toMatchObject({ code: 'GROUP_EXISTS' });
    await room.one.groups.addMember(room.root, 'ops', 'ada');
    await room.one.groups.addMember(room.root, 'ops', 'ada');
    expect(await room.one.groups.listMembers(room.root, 'ops', 10)).toMatchObject([{ name: 'ada' }]);
    expect((await room.one.principals.list(room.root, 'user', 10)).map(({ name, groups }) => [name, groups])).toEqual([
      ['ada', ['ops']],
    ]);
    await room.one.groups.remove(room.root, 'ops', 1);
    await expect(room.one.groups.get(room.root, 'ops')).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
  });
});
