import type { ApiAnswer, ApiClient, JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { People, type Person, type Robot } from './people.js';
import { unique } from './stage.js';

jest.setTimeout(60_000);

const any = { ifMatch: '*' };
const NEW_PASSWORD = 'another right password';

let people: People;
let api: ApiClient;
let shop: string;
let ops: string;
let readsShop: string;
let readsOps: string;
beforeAll(async () => {
  people = await People.open();
  api = people.api;
  shop = `/secrets/${await people.secret('shop')}/content`;
  ops = `/secrets/${await people.secret('ops')}/content`;
  readsShop = await people.reads('shop');
  readsOps = await people.reads('ops');
});
afterAll(() => people?.close());

const statuses = (client: ApiClient, ...paths: readonly string[]): Promise<number[]> =>
  Promise.all(paths.map(async (path) => (await client.get(path)).status));

/** What an answer says, without what is never the same twice. */
const comparable = ({ status, body }: ApiAnswer): JsonBody => ({ ...body, status, requestId: '' });

const refused = { status: 401, body: { code: 'LOGIN_REFUSED' } };

describe('who has logged in', () => {
  it('may do exactly what their own policies and those of their groups grant', async () => {
    const group = await people.group(readsOps);
    const ada = await people.user(readsShop);
    const robot = await people.robot();
    await api.put(`/groups/${group}/members/${robot.name}`, undefined);
    const asAda = await people.logIn(ada);
    const asRobot = await people.logIn(robot);
    for (const at of people.everywhere(asAda)) expect(await statuses(at, shop, ops, '/users')).toEqual([200, 404, 403]);
    for (const at of people.everywhere(asRobot))
      expect(await statuses(at, shop, ops, '/users')).toEqual([404, 200, 403]);
    expect((await api.get(`/groups/${group}/members`)).body).toMatchObject({
      items: [{ kind: 'service-account', name: robot.name }],
      nextCursor: null,
    });
    expect((await asAda.get('/whoami')).body).toMatchObject({
      identity: expect.stringMatching(/^user:/),
      policies: [readsShop],
      principal: { kind: 'user', name: ada.name, groups: [] },
    });
    expect((await asRobot.get('/whoami')).body).toMatchObject({
      identity: `service-account:${robot.clientId}`,
      policies: [readsOps],
      principal: { kind: 'service-account', id: robot.clientId, name: robot.name, groups: [group] },
    });
    expect((await api.get('/whoami')).body).toMatchObject({ principal: null });
  });

  it('gains and loses with their groups within a second, at every process', async () => {
    const group = await people.group(readsOps);
    const ada = await people.user(readsShop);
    const client = await people.logIn(ada);
    const member = `/groups/${group}/members/${ada.name}`;
    await people.expectAfter(() => api.put(member, undefined), client, ops, 200);
    await people.expectAfter(() => api.delete(member), client, ops, 404);
    await people.expectAfter(() => api.put(member, undefined), client, ops, 200);
    await people.expectAfter(() => api.patch(`/groups/${group}`, { policies: [] }, any), client, ops, 404);
    await people.expectAfter(() => api.patch(`/groups/${group}`, { policies: [readsOps] }, any), client, ops, 200);
    await people.expectAfter(() => api.delete(`/groups/${group}`, any), client, ops, 404);
    await people.expectAfter(() => api.patch(`/users/${ada.name}`, { policies: [] }, any), client, shop, 404);
  });

  it('is refused while disabled, with what descends from their token', async () => {
    const makesTokens = await people.policy({ 'claviger/tokens/': ['create'] });
    const ada = await people.user(makesTokens, readsShop);
    const robot = await people.robot(readsShop);
    for (const [who, path] of [
      [ada, `/users/${ada.name}`],
      [robot, `/service-accounts/${robot.name}`],
    ] as const) {
      const client = await people.logIn(who);
      const child = who === ada ? client.as((await client.post('/tokens', {})).body.token as string) : client;
      expect(await statuses(child, '/whoami')).toEqual([200]);
      await people.expectAfter(() => api.patch(path, { isDisabled: true }, any), client, shop, 401);
      expect(await statuses(child, '/whoami')).toEqual([401]);
      expect(await people.tryLogIn(who)).toMatchObject(refused);
      await people.expectAfter(() => api.patch(path, { isDisabled: false }, any), client, shop, 200);
      await people.logIn(who);
    }
  });

  it('is nobody any more once deleted', async () => {
    const ada = await people.user(readsShop);
    const client = await people.logIn(ada);
    await people.expectAfter(() => api.delete(`/users/${ada.name}`, any), client, shop, 401);
    expect(await people.tryLogIn(ada)).toMatchObject(refused);
    await people.make('users', { ...ada, policies: [readsShop] });
    expect(await statuses(client, shop)).toEqual([401]);
  });

  it('has a token that lives as long as is said of them, or as is usual', async () => {
    const details = async (who: Person | Robot): Promise<JsonBody> => (await people.tryLogIn(who)).body.details;
    const [ada, robot] = [await people.user(), await people.robot()];
    expect(await details(ada)).toMatchObject({ ttlSeconds: 43_200, isRenewable: true, displayName: ada.name });
    expect(await details(robot)).toMatchObject({ ttlSeconds: 3_600 });
    expect((await people.tryLogIn(robot)).headers.get('cache-control')).toBe('no-store');
    const path = `/users/${ada.name}`;
    expect(await api.patch(path, { tokenTtlSeconds: 60 }, any)).toMatchObject({ body: { tokenTtlSeconds: 60 } });
    expect(await details(ada)).toMatchObject({ ttlSeconds: 60 });
    expect(await api.patch(path, { tokenTtlSeconds: null }, any)).toMatchObject({ body: { tokenTtlSeconds: null } });
    expect(await details(ada)).toMatchObject({ ttlSeconds: 43_200 });
  });

  it('reads only their own where a policy speaks of its bearer', async () => {
    const own = await people.reads('{{identity.entity.name}}');
    const users = [await people.user(own), await people.user(own)];
    const [first, second] = await Promise.all(users.map(({ name }) => people.secret(name)));
    const paths = [`/secrets/${first}/content`, `/secrets/${second}/content`];
    const [ada, ben] = await Promise.all(users.map((user) => people.logIn(user)));
    expect(await statuses(ada!, ...paths)).toEqual([200, 404]);
    expect(await statuses(ben!, ...paths)).toEqual([404, 200]);
    expect(await statuses(await people.tokenWith(own), ...paths)).toEqual([404, 404]);
  });
});

describe('what is somebody’s own', () => {
  it('can be owned only by who is there', async () => {
    const id = await people.secret('owned', { owner: (await people.user()).name });
    for (const owner of ['somebody-else', 'me'])
      expect((await api.patch(`/secrets/${id}`, { owner }, any)).body.code).toBe('OWNER_UNKNOWN');
    expect((await api.patch(`/secrets/${id}`, { owner: await people.group() }, any)).status).toBe(200);
  });

  it('is listed by owner=me: theirs, and that of their groups', async () => {
    const ada = await people.user('developer');
    const group = await people.group();
    expect(await api.put(`/groups/${group}/members/${ada.name}`, undefined)).toMatchObject({ status: 204 });
    const ids = await Promise.all(
      [ada.name, group, (await people.user()).name].map((owner) => people.secret('owned', { owner })),
    );
    const mine = (await (await people.logIn(ada)).get('/secrets?owner=me')).body.items as JsonBody[];
    expect(mine.map(({ id }) => id as string).sort()).toEqual(ids.slice(0, 2).sort());
    expect((await api.get('/secrets?owner=me')).body.items).toEqual([]);
  });
});

describe('a refused log-in', () => {
  it('says the same whatever was wrong', async () => {
    const [right, disabled, locked] = [await people.user(), await people.user(), await people.user()];
    const robot = await people.robot();
    const other = await people.robot();
    const [withoutPassword, disabledRobot] = [unique('user'), await people.robot()];
    await people.make('users', { name: withoutPassword });
    const ended = await people.make(`service-accounts/${robot.name}/credentials`, { ttlSeconds: 1 });
    await api.patch(`/users/${disabled.name}`, { isDisabled: true }, any);
    await api.patch(`/service-accounts/${disabledRobot.name}`, { isDisabled: true }, any);
    const wrong = (person: Person): Person => ({ ...person, password: 'a wrong password' });
    for (let i = 0; i < 5; i += 1) await people.tryLogIn(wrong(locked));
    const answers = await Promise.all(
      [
        wrong(right),
        wrong({ name: 'nobody', password: '' }),
        { name: 'Not A Name', password: right.password },
        { name: 'self', password: right.password },
        { name: right.name, password: '' },
        { name: withoutPassword, password: right.password },
        { name: robot.name, password: robot.clientSecret },
        disabled,
        locked,
        disabledRobot,
        { ...robot, clientSecret: other.clientSecret },
        { ...robot, clientSecret: 'x' },
        { ...robot, clientId: other.clientId },
        { ...robot, clientId: robot.name },
        { ...robot, clientSecret: ended.clientSecret },
      ].map((who) => people.tryLogIn(who)),
    );
    for (const answer of answers) expect(comparable(answer)).toEqual(comparable(answers[0]!));
    expect(answers[0]).toMatchObject(refused);
    await people.logIn(right);
    await people.logIn(robot);
  });

  it('locks out after five wrong passwords, and nobody else', async () => {
    const [ada, ben] = [await people.user(), await people.user()];
    const client = await people.logIn(ada);
    const wrong = { ...ada, password: 'a wrong password' };
    for (let i = 0; i < 4; i += 1) expect(await people.tryLogIn(wrong)).toMatchObject(refused);
    await people.logIn(ada);
    for (let i = 0; i < 5; i += 1) expect(await people.tryLogIn(wrong)).toMatchObject(refused);
    expect(await people.tryLogIn(ada)).toMatchObject(refused);
    const { lockedUntil } = (await api.get(`/users/${ada.name}`)).body;
    expect(new Date(lockedUntil as string).getTime()).toBeGreaterThan(Date.now());
    await people.logIn(ben);
    expect(await statuses(client, '/whoami')).toEqual([200]);
  });

  it('is that of a credential that was deleted, and of no other', async () => {
    const robot = await people.robot();
    const path = `/service-accounts/${robot.name}/credentials`;
    const second = (await api.post(path, { label: 'second', ttlSeconds: 60 })).body;
    const { items } = (await api.get(path)).body;
    expect(items).toMatchObject([{ label: '' }, { id: second.details.id, label: 'second', lastUsedAt: null }]);
    expect((await api.delete(`${path}/${items[0].id}`)).status).toBe(204);
    expect(await api.delete(`${path}/${items[0].id}`)).toMatchObject({ body: { code: 'CREDENTIAL_NOT_FOUND' } });
    expect(await people.tryLogIn(robot)).toMatchObject(refused);
    await people.logIn({ ...robot, clientSecret: second.clientSecret });
    const after = await api.get(path);
    expect(after.body.items).toMatchObject([{ id: second.details.id, lastUsedAt: expect.any(String) }]);
    expect(after.text).not.toContain(second.clientSecret);
  });
});

describe('a password', () => {
  it('is changed by its owner, which ends their other tokens and keeps the one in use', async () => {
    const ada = await people.user();
    const [using, left] = [await people.logIn(ada), await people.logIn(ada)];
    const change = (currentPassword: string | undefined, password = NEW_PASSWORD): Promise<ApiAnswer> =>
      using.put('/users/self/password', { password, currentPassword });
    expect(await change('a wrong password')).toMatchObject({
      status: 403,
      body: { code: 'CURRENT_PASSWORD_REFUSED' },
    });
    expect(await change(undefined)).toMatchObject({
      status: 400,
      body: { code: 'INPUT_INVALID', details: { errors: [{ pointer: '#/currentPassword' }] } },
    });
    expect(await change(ada.password, 'short')).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } });
    expect(await statuses(left, '/whoami')).toEqual([200]);
    await people.expectAfter(() => change(ada.password), left, '/whoami', 401);
    for (const at of people.everywhere(using)) expect(await statuses(at, '/whoami')).toEqual([200]);
    expect(await people.tryLogIn(ada)).toMatchObject(refused);
    await people.logIn({ ...ada, password: NEW_PASSWORD });
  });

  it('is set by who may, without the old one, which ends all tokens of its owner', async () => {
    const ada = await people.user();
    const client = await people.logIn(ada);
    const path = `/users/${ada.name}/password`;
    expect(await api.put(path, { password: NEW_PASSWORD, currentPassword: ada.password })).toMatchObject({
      status: 400,
      body: { code: 'INPUT_INVALID', details: { errors: [{ pointer: '#/currentPassword' }] } },
    });
    expect(await client.put(path, { password: NEW_PASSWORD })).toMatchObject({ status: 403 });
    await people.expectAfter(() => api.put(path, { password: NEW_PASSWORD }), client, '/whoami', 401);
    await people.logIn({ ...ada, password: NEW_PASSWORD });
  });

  it('is something that service accounts and root tokens do not have', async () => {
    const body = { password: NEW_PASSWORD, currentPassword: NEW_PASSWORD };
    const robot = await people.robot();
    for (const client of [api, await people.logIn(robot)])
      expect(await client.put('/users/self/password', body)).toMatchObject({
        status: 404,
        body: { code: 'PRINCIPAL_NOT_FOUND' },
      });
    expect((await api.put(`/users/${robot.name}/password`, { password: NEW_PASSWORD })).status).toBe(404);
    expect((await api.post('/service-accounts', { name: unique('robot'), password: NEW_PASSWORD })).status).toBe(400);
  });
});

describe('what somebody has not got', () => {
  const MANAGES = ['create', 'read', 'update', 'delete'];
  const managing = (more: readonly string[] = []): Promise<string> =>
    people.policy(
      Object.fromEntries(
        ['users', 'service-accounts', 'groups', 'login-issuers'].map((resource) => [
          `claviger/${resource}/*`,
          [...MANAGES, ...more],
        ]),
      ),
    );

  /** Every way to give `policy` to somebody. */
  async function giving(policy: string): Promise<Readonly<Record<string, (by: ApiClient) => Promise<ApiAnswer>>>> {
    const [user, strong, robot] = [await people.user(), await people.user(policy), await people.robot(policy)];
    const [weakGroup, group] = [await people.group(), await people.group(policy)];
    const inGroup = await people.user();
    await api.put(`/groups/${group}/members/${inGroup.name}`, undefined);
    const policies = [policy];
    const body = { password: NEW_PASSWORD };
    const issuer = { issuer: 'https://id.example', audiences: ['x'] };
    const [of, empty] = [unique('issuer'), unique('issuer')];
    for (const name of [of, empty]) await people.make('login-issuers', { name, ...issuer });
    await api.put(`/login-issuers/${of}/links/${inGroup.name}`, { subject: '1' });
    const maps = { groupsClaim: 'groups', groupMappings: [{ value: 'x', group }] };
    return {
      'a new user': (by) => by.post('/users', { name: unique('user'), policies }),
      'a new service account': (by) => by.post('/service-accounts', { name: unique('robot'), policies }),
      'a new group': (by) => by.post('/groups', { name: unique('group'), policies }),
      'more for a user': (by) => by.patch(`/users/${user.name}`, { policies }, any),
      'more for a group': (by) => by.patch(`/groups/${weakGroup}`, { policies }, any),
      membership: (by) => by.put(`/groups/${group}/members/${user.name}`, undefined),
      'the password of one who has it': (by) => by.put(`/users/${strong.name}/password`, body),
      'the password of one whose group has it': (by) => by.put(`/users/${inGroup.name}/password`, body),
      'a new login issuer': (by) => by.post('/login-issuers', { name: unique('issuer'), ...issuer, ...maps }),
      'the mapping of a login issuer': (by) => by.patch(`/login-issuers/${empty}`, maps, any),
      'the keys of a login issuer': (by) => by.patch(`/login-issuers/${of}`, { jwksUrl: 'https://x.example' }, any),
      'a link to a login issuer': (by) => by.put(`/login-issuers/${empty}/links/${strong.name}`, { subject: '2' }),
      'a credential': (by) => by.post(`/service-accounts/${robot.name}/credentials`),
    };
  }

  const outcomes = async (by: ApiClient): Promise<readonly (readonly [string, number | string])[]> =>
    Promise.all(
      Object.entries(await giving(readsOps)).map(async ([way, give]) => {
        const { status, body } = await give(by);
        return [way, status < 300 ? 'given' : `${status} ${body.code}`] as const;
      }),
    );

  it('cannot be given by them in any way', async () => {
    for (const [, outcome] of await outcomes(await people.tokenWith(await managing(), readsShop)))
      expect(outcome).toBe('403 POLICIES_EXCEED_OWN');
  });

  it('can be given with sudo, and what they have without it', async () => {
    const withSudo = await people.tokenWith(await managing(['sudo']));
    const having = await people.tokenWith(await managing(), readsOps);
    for (const client of [withSudo, having])
      expect((await outcomes(client)).filter(([, outcome]) => outcome !== 'given')).toEqual([]);
  });

  it('is not in the way of what gives nothing', async () => {
    const manager = await people.tokenWith(await managing());
    const { name } = await people.user(readsOps);
    const kept = { displayName: 'Ada', policies: [readsOps] };
    expect(await manager.patch(`/users/${name}`, kept, any)).toMatchObject({ status: 200, body: kept });
    expect(await manager.patch(`/users/${name}`, { policies: [] }, any)).toMatchObject({ status: 200 });
  });

  it('is never the root policy', async () => {
    for (const [resource, name] of ['users', 'service-accounts', 'groups'].map((r) => [r, unique('new')] as const))
      expect(await api.post(`/${resource}`, { name, policies: ['root'] })).toMatchObject({
        status: 400,
        body: { code: 'INPUT_INVALID' },
      });
  });
});

describe('users, service accounts and groups', () => {
  it.each(['users', 'service-accounts', 'groups'])('%s change only as they were read', async (resource) => {
    const name = unique('record');
    await people.make(resource, { name });
    const path = `/${resource}/${name}`;
    const changes = { policies: ['developer'] };
    const { etag, body } = await api.get(path);
    expect({ etag, revision: body.revision }).toEqual({ etag: '1', revision: 1 });
    expect(await api.patch(path, changes)).toMatchObject({ status: 428, body: { code: 'IF_MATCH_REQUIRED' } });
    expect(await api.delete(path)).toMatchObject({ status: 428 });
    expect(await api.patch(path, changes, { ifMatch: 1 })).toMatchObject({ status: 200, etag: '2', body: changes });
    for (const answer of [await api.patch(path, changes, { ifMatch: 1 }), await api.delete(path, { ifMatch: 1 })])
      expect(answer).toMatchObject({ status: 412, body: { code: 'STALE_MATCH', details: { current: 2 } } });
    expect((await api.delete(path, { ifMatch: 2 })).status).toBe(204);
    expect((await api.get(path)).status).toBe(404);
  });

  it('have names that are theirs alone', async () => {
    const { name } = await people.user();
    for (const resource of ['users', 'service-accounts'])
      expect(await api.post(`/${resource}`, { name })).toMatchObject({
        status: 409,
        body: { code: 'PRINCIPAL_EXISTS' },
      });
    const group = await people.group();
    expect(await api.post('/groups', { name: group })).toMatchObject({ status: 409, body: { code: 'GROUP_EXISTS' } });
    for (const bad of ['self', 'Ada', 'a/b', '-a', '*'])
      expect(await api.post('/users', { name: bad })).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } });
    expect((await api.get(`/users/${(await people.robot()).name}`)).status).toBe(404);
  });

  it('are listed by name, page by page', async () => {
    const group = await people.group();
    const names = [await people.user(), await people.robot(), await people.user()].map(({ name }) => name);
    for (const name of names) await api.put(`/groups/${group}/members/${name}`, undefined);
    const listed = async (path: string): Promise<string[]> =>
      (await api.all(path, 2)).map(({ name }) => name as string);
    expect(await listed(`/groups/${group}/members`)).toEqual([...names].sort());
    const users = await listed('/users');
    expect(users).toEqual([...users].sort());
    expect(users).toEqual(expect.arrayContaining([names[0], names[2]]));
    expect(users).not.toContain(names[1]);
    expect(await listed('/service-accounts')).toContain(names[1]);
    expect(await listed('/groups')).toContain(group);
  });
});
