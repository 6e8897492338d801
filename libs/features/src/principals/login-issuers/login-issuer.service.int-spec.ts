import { describe, expect, it } from '@jest/globals';
import type { RequestContext } from '@claviger/kernel';
import { issueCertificate } from '@claviger/testing';
import { FAKE_AUDIENCE, FAKE_ISS } from '../../../../testing/src/fake-issuer.js';
import { codeOf, PrincipalsRoom } from '../../../../testing/src/principals-room.js';
import type { LoginIssuerChanges } from './login-issuer.service.js';

const room = PrincipalsRoom.forFile();

const outcome = (act: Promise<unknown>): Promise<string> => act.then(() => 'done', codeOf);
const KEEP = { capabilities: ['create', 'read', 'update', 'delete', 'list'] };

/** A caller who keeps these resources (paths below `claviger/`) and has these policies besides. */
async function keeper(paths: readonly string[], ...policies: readonly string[]): Promise<RequestContext> {
  const name = `keeper-${paths.join('-').replaceAll(/[^a-z]/g, '')}`;
  const path = Object.fromEntries(paths.map((at) => [`claviger/${at}`, KEEP]));
  await room.one.process.policies.create(room.root, name, JSON.stringify({ path }));
  await room.user(name, [name, ...policies]);
  return room.one.process.as(await room.logIn(name));
}

const ALL = ['login-issuers/*', 'users/*', 'service-accounts/*', 'groups/*'];
const create = (ctx: RequestContext, more: object = {}): Promise<string> =>
  outcome(room.one.issuers.create(ctx, { name: 'own', issuer: FAKE_ISS, audiences: [FAKE_AUDIENCE], ...more }));
const mapping = { groupsClaim: 'groups', groupMappings: [{ value: 'x', group: 'ops' }] };

/** Every change by which somebody could say who is whom. */
const CHANGES: readonly LoginIssuerChanges[] = [
  { jwksUrl: 'https://mallory.test/keys' },
  { caCertificate: issueCertificate('mallory').cert },
  { audiences: ['other'] },
  { algorithms: ['EdDSA'] },
  { boundClaims: [{ claim: 'a', values: ['b'] }] },
  { nameClaim: 'other' },
  { groupsClaim: 'other' },
  { leewaySeconds: 300 },
  { maxLifetimeSeconds: 600_000 },
  { tokenTtlSeconds: 600_000 },
  { isDisabled: false },
  { isDisabled: true, leewaySeconds: 300 },
  {},
];

describe('who keeps a login issuer', () => {
  it('may map no group that gives more than they have, and none that they may not keep', async () => {
    await room.one.groups.create(room.root, { name: 'ops', policies: ['operator'] });
    await room.one.groups.create(room.root, { name: 'plain' });
    const weak = await keeper(ALL);
    expect(await create(weak, mapping)).toBe('POLICIES_EXCEED_OWN');
    expect(await create(await keeper(['login-issuers/*', 'users/*'], 'operator'), mapping)).toBe('ACCESS_DENIED');
    expect(await create(weak, { groupsClaim: 'g', groupMappings: [{ value: 'x', group: 'plain' }] })).toBe('done');
    expect(await outcome(room.one.issuers.update(weak, 'own', { groupMappings: mapping.groupMappings }))).toBe(
      'POLICIES_EXCEED_OWN',
    );
    expect(await outcome(room.one.issuers.update(room.root, 'own', { groupMappings: mapping.groupMappings }))).toBe(
      'done',
    );
    for (const changes of CHANGES)
      expect([changes, await outcome(room.one.issuers.update(weak, 'own', changes))]).toEqual([
        changes,
        'POLICIES_EXCEED_OWN',
      ]);
  });

  it('may do it with the policies themselves', async () => {
    await room.one.groups.create(room.root, { name: 'ops', policies: ['operator'] });
    const strong = await keeper(ALL, 'operator');
    expect(await create(strong, { ...mapping, provisions: true })).toBe('done');
    for (const changes of CHANGES)
      expect([changes, await outcome(room.one.issuers.update(strong, 'own', changes))]).toEqual([changes, 'done']);
  });

  it('may do nothing that would make them one of those whom it logs in', async () => {
    await room.corp();
    await room.logInBy();
    const weak = await keeper(ALL);
    expect(await outcome(room.one.issuers.update(weak, 'corp', { jwksUrl: 'https://mallory.test/keys' }))).toBe('done');
    await room.one.principals.update(room.root, 'user', 'ada', { policies: ['operator'] });
    for (const changes of CHANGES)
      expect([changes, await outcome(room.one.issuers.update(weak, 'corp', changes))]).toEqual([
        changes,
        'POLICIES_EXCEED_OWN',
      ]);
    await room.one.principals.update(room.root, 'user', 'ada', { policies: [] });
    await room.one.groups.create(room.root, { name: 'ops', policies: ['operator'] });
    await room.one.groups.addMember(room.root, 'ops', 'ada');
    expect(await outcome(room.one.issuers.update(weak, 'corp', {}))).toBe('POLICIES_EXCEED_OWN');
    const stranger = await keeper(['login-issuers/*', 'users/'], 'operator');
    expect(await outcome(room.one.issuers.update(stranger, 'corp', {}))).toBe('ACCESS_DENIED');
    // What only takes away needs no more than to keep it.
    expect(await outcome(room.one.issuers.update(stranger, 'corp', { isDisabled: true }))).toBe('done');
    expect(await outcome(room.one.issuers.update(stranger, 'corp', { isDisabled: false }))).toBe('ACCESS_DENIED');
  });

  it('may let it make principals only where they may themselves', async () => {
    const caller = await keeper(['login-issuers/*', 'users/*']);
    expect(await create(caller, { provisions: true, kind: 'service-account' })).toBe('ACCESS_DENIED');
    expect(await create(caller, { kind: 'service-account' })).toBe('done');
    expect(await outcome(room.one.issuers.update(caller, 'own', { provisions: true }))).toBe('ACCESS_DENIED');
    expect(await create(caller, { name: 'second', provisions: true })).toBe('done');
  });

  it('may not map groups to policies that speak of their bearer', async () => {
    const path = { 'kv/data/{{identity.entity.name}}/*': { capabilities: ['read'] } };
    await room.one.process.policies.create(room.root, 'own', JSON.stringify({ path }));
    await room.one.groups.create(room.root, { name: 'ops', policies: ['own'] });
    expect(await create(await keeper(ALL, 'own'), mapping)).toBe('POLICIES_EXCEED_OWN');
  });

  it('is refused everything without permission, alike for what is there and what is not', async () => {
    await room.corp();
    await room.user('ada');
    const ada = await room.one.process.as(await room.logIn('ada'));
    for (const name of ['corp', 'nowhere'])
      for (const act of [
        room.one.issuers.get(ada, name),
        room.one.issuers.update(ada, name, { groupMappings: [{ value: 'x', group: name }] }),
        room.one.issuers.remove(ada, name),
        room.one.links.list(ada, name, 10),
        room.one.links.link(ada, name, 'ada', 'x'),
        room.one.links.unlink(ada, name, 'ada'),
      ])
        expect(await outcome(act)).toBe('ACCESS_DENIED');
    const caller = await keeper(['login-issuers/*']);
    for (const group of ['there', 'not-there'])
      expect(await create(caller, { groupsClaim: 'g', groupMappings: [{ value: 'x', group }] })).toBe('ACCESS_DENIED');
    for (const principal of ['ada', 'nobody'])
      expect(await outcome(room.one.links.link(caller, 'corp', principal, 'x'))).toBe('ACCESS_DENIED');
  });
});

describe('a link', () => {
  it('lets nobody in as somebody who has more, nor into groups that give more', async () => {
    await room.corp({ provisions: false });
    await room.user('boss', ['operator']);
    await room.user('plain');
    const weak = await keeper(ALL);
    expect(await outcome(room.one.links.link(weak, 'corp', 'boss', '1'))).toBe('POLICIES_EXCEED_OWN');
    expect(await outcome(room.one.links.link(weak, 'corp', 'plain', '2'))).toBe('done');
    await room.one.groups.create(room.root, { name: 'ops', policies: ['operator'] });
    await room.one.issuers.update(room.root, 'corp', { groupMappings: mapping.groupMappings });
    await room.user('other');
    expect(await outcome(room.one.links.link(weak, 'corp', 'other', '3'))).toBe('POLICIES_EXCEED_OWN');
    expect(await outcome(room.one.links.link(room.root, 'corp', 'boss', '1'))).toBe('done');
  });

  it('of oneself gives no more than that of another one', async () => {
    const path = { 'kv/data/{{identity.groups.names.ops.name}}/*': { capabilities: ['read'] } };
    await room.one.process.policies.create(room.root, 'team', JSON.stringify({ path }));
    await room.corp({ provisions: false });
    const weak = await keeper(ALL, 'team');
    expect(await outcome(room.one.links.link(weak, 'corp', weak.actor.principal!.name, '1'))).toBe(
      'POLICIES_EXCEED_OWN',
    );
  });

  it('is between one subject and one principal of the kind that the issuer logs in', async () => {
    await room.corp();
    await room.corp({ name: 'second' });
    for (const name of ['ada', 'ben']) await room.user(name);
    await room.one.principals.create(room.root, 'service-account', { name: 'robot' });
    const link = (principal: string, subject: string, issuer = 'corp'): Promise<string> =>
      outcome(room.one.links.link(room.root, issuer, principal, subject));
    expect(await link('ada', '1')).toBe('done');
    expect(await link('ada', '1')).toBe('done');
    expect(await link('ada', '2')).toBe('LOGIN_LINK_EXISTS');
    expect(await link('ada', '1', 'second')).toBe('LOGIN_LINK_EXISTS');
    expect(await link('ben', '1')).toBe('LOGIN_LINK_EXISTS');
    expect(await link('ben', '1', 'second')).toBe('done');
    expect([await link('robot', '3'), await link('nobody', '3')]).toEqual([
      'PRINCIPAL_NOT_FOUND',
      'PRINCIPAL_NOT_FOUND',
    ]);
    expect(await outcome(room.one.links.unlink(room.root, 'corp', 'ben'))).toBe('LOGIN_LINK_NOT_FOUND');
    expect(await link('ada', '1', 'nowhere')).toBe('LOGIN_ISSUER_NOT_FOUND');
  });

  it('is not to a token that was pasted by mistake', async () => {
    await room.corp();
    await room.user('ada');
    for (const subject of [(await room.issuer.token()).reveal(), '', 'a\nb', 'x'.repeat(257)])
      expect(await outcome(room.one.links.link(room.root, 'corp', 'ada', subject))).toBe('INPUT_INVALID');
  });

  it('that ends takes the groups that came by it', async () => {
    await room.one.groups.create(room.root, { name: 'ops' });
    await room.corp({ groupMappings: [{ value: 'ops', group: 'ops' }] });
    await room.logInBy({ groups: ['ops'] });
    expect((await room.one.principals.get(room.root, 'user', 'ada')).groups).toEqual(['ops']);
    await room.one.links.unlink(room.root, 'corp', 'ada');
    expect((await room.one.principals.get(room.root, 'user', 'ada')).groups).toEqual([]);
  });
});

describe('a login issuer', () => {
  it('changes by revision, and never in what its subjects are', async () => {
    const made = await room.corp();
    expect(made).toMatchObject({ revision: 1, subjectClaim: 'sub', nameClaim: 'sub', algorithms: ['RS256', 'ES256'] });
    const { cert } = issueCertificate('ca');
    const changes = { caCertificate: `text\n${cert}`, audiences: ['a', 'b'], jwksUrl: `${FAKE_ISS}/k` };
    const changed = await room.one.issuers.update(room.root, 'corp', changes, 1);
    expect(changed).toMatchObject({ revision: 2, caCertificate: cert.trim(), audiences: ['a', 'b'], kind: 'user' });
    expect(await outcome(room.one.issuers.update(room.root, 'corp', {}, 1))).toBe('STALE_MATCH');
    expect(await outcome(room.one.issuers.remove(room.root, 'corp', 1))).toBe('STALE_MATCH');
    expect(await outcome(room.corp())).toBe('LOGIN_ISSUER_EXISTS');
    await room.one.issuers.remove(room.root, 'corp', 2);
    expect(await outcome(room.one.issuers.get(room.root, 'corp'))).toBe('LOGIN_ISSUER_NOT_FOUND');
  });

  it('is refused as a whole when a part of it cannot be', async () => {
    for (const [more, code] of [
      [{ algorithms: ['HS256'] }, 'INPUT_INVALID'],
      [{ groupsClaim: 'g', groupMappings: [{ value: 'x', group: 'nowhere' }] }, 'INPUT_INVALID'],
      [{ groupsClaim: 'g', groupMappings: [{ value: 'x', group: 'Not a name' }] }, 'INPUT_INVALID'],
      [{ name: 'Not a name' }, 'INPUT_INVALID'],
    ] as const)
      expect([more, await create(room.root, more)]).toEqual([more, code]);
    expect(await room.one.issuers.list(room.root, 10)).toEqual([]);
    await room.corp();
    expect(await outcome(room.one.issuers.update(room.root, 'corp', { jwksUrl: 'ftp://x' }))).toBe('INPUT_INVALID');
    expect((await room.one.issuers.get(room.root, 'corp')).revision).toBe(1);
  });

  it('is in the audit log with what was done to it', async () => {
    await room.one.groups.create(room.root, { name: 'ops' });
    const { id } = await room.corp({ groupMappings: [{ value: 'x', group: 'ops' }] });
    await room.logInBy();
    await room.user('ben');
    await room.one.links.link(room.root, 'corp', 'ben', '7');
    await room.one.links.unlink(room.root, 'corp', 'ben');
    await room.one.issuers.update(room.root, 'corp', { isDisabled: true });
    await room.one.issuers.remove(room.root, 'corp');
    const { rows } = await room.access.test.database.pool.query(
      `select action, details from audit_entry where resource_id = $1 order by epoch, tx, id`,
      [id],
    );
    expect(rows).toMatchObject([
      { action: 'login-issuer.create', details: { issuer: FAKE_ISS, groups: 'ops' } },
      { action: 'login-issuer.link', details: { principal: 'ben', subject: '7' } },
      { action: 'login-issuer.unlink', details: { principal: 'ben' } },
      { action: 'login-issuer.update', details: { fields: 'isDisabled', revoked: 1 } },
      { action: 'login-issuer.delete' },
    ]);
  });
});
