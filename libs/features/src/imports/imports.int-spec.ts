import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { SecretValue, type RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import type { ReferenceFlavour } from '@claviger/vaults/conformance';
import type { PlanView } from '@claviger/features/plans';
import { creating, PlanRoom } from '../../../testing/src/plan-room.js';
import { errorOf, failing, mend, refused } from '../../../testing/src/secret-faults.js';
import { AheadClock, OutsideKind, type OutsideMount } from '../../../testing/src/secret-room.js';
import type { ImportEntity, ImportItemEntity } from './import.entity.js';
import { ImportScanner } from './import-scanner.js';
import { ImportService, type NewImport } from './import.service.js';

let db: TestDatabase;
let room: PlanRoom;
let imports: ImportService;
let scanner: ImportScanner;
const kind = new OutsideKind();
const clock = new AheadClock();
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await PlanRoom.create(db, kind, clock);
  [imports, scanner] = [room.secrets.get(ImportService), room.secrets.get(ImportScanner)];
});
afterAll(() => db.drop());
afterEach(() => mend(kind.mounts.values()));

const codeOf = async (work: Promise<unknown>): Promise<string> => (await errorOf(work)).code;
let count = 0;
/** A mount of its own, with what lies there. */
async function mount(content: Readonly<Record<string, object>>, flavour?: ReferenceFlavour): Promise<OutsideMount> {
  count += 1;
  const made = await room.secrets.outside(`mount-${count}`, flavour);
  for (const [name, value] of Object.entries(content)) await made.write(name, value);
  return made;
}
/** Has a mount looked at, and a worker do it. */
async function scan({ path }: OutsideMount, more: Partial<NewImport> = {}, ctx = room.ctx): Promise<ImportEntity> {
  const { id } = await imports.create(ctx, { vaultProfile: path, ...more });
  await scanner.scan(room.job, id);
  return imports.get(ctx, id);
}
const itemsOf = (id: string, ctx: RequestContext = room.ctx): Promise<ImportItemEntity[]> =>
  imports.listItems(ctx, id, { limit: 200 });
async function applied({ id }: PlanView): Promise<(string | undefined)[]> {
  await room.apply(id, { skipUnready: true });
  return (await room.items(id)).map(({ state, error }) => (error ? `${state} ${error.code}` : state));
}
const namesAt = async ({ path }: OutsideMount): Promise<unknown[]> =>
  (
    await room.secrets.rows(
      `select s.name, s.type, s.state, v.origin from secret s join vault_profile p on p.id = s.source_profile_id
       join secret_version v on v.secret_id = s.id where p.name = $1 order by s.name`,
      [path],
    )
  ).map(({ name, type, state, origin }) => `${name} ${type} ${state} ${origin}`);

const ACCOUNT = { username: 'shop', password: 'import-canary-77ab' };

describe('an import', () => {
  it('shows what belongs to no secret, what it can be, and why something cannot', async () => {
    const at = await mount({ account: ACCOUNT, settings: { host: 'db' }, 'deep/key': { key: 'k9Jx27QmZw4pTfVb' } });
    await at.vault
      .put({ requestId: 'x', signal: new AbortController().signal }, 'bytes', new SecretValue('[1]'))
      .catch(() => undefined);
    await room.secrets.secret('ours', { sourceProfile: at.path });
    const done = await scan(at);
    expect(done).toMatchObject({ state: 'ready', known: 1, hidden: 0, isCutOff: false });
    const items = (await itemsOf(done.id)).filter(({ name }) => name !== null);
    expect(items.map(({ physicalName, name, types, isCertain }) => [physicalName, name, types[0], isCertain])).toEqual([
      ['account', 'account', 'basic-auth', true],
      ['deep/key', 'deep/key', 'api-key', false],
      ['settings', 'settings', 'key-value', true],
    ]);
    expect(at.versions('account')).toBe(1);
  });

  it('keeps nothing of the contents', async () => {
    const at = await mount({ account: ACCOUNT });
    const { id } = await scan(at);
    const rows = await room.secrets.rows(
      'select row_to_json(i)::text as row from vault_import_item i where import_id = $1',
      [id],
    );
    expect(JSON.stringify(rows)).not.toContain(ACCOUNT.password);
    expect(JSON.stringify(rows)).not.toContain(ACCOUNT.username);
  });

  it('looks below a folder only, and stops when it has found enough', async () => {
    const at = await mount({ 'a/1': ACCOUNT, 'a/2': ACCOUNT, 'b/1': ACCOUNT });
    const below = await scan(at, { folder: 'a' });
    expect((await itemsOf(below.id)).map(({ name }) => name)).toEqual(['a/1', 'a/2']);
    const few = await scan(at, { limit: 2 });
    expect(few).toMatchObject({ state: 'ready', found: 2, isCutOff: true });
    const enough = await scan(at, { limit: 3 });
    expect(enough).toMatchObject({ found: 3, isCutOff: false });
    expect(await codeOf(imports.create(room.ctx, { vaultProfile: at.path, folder: '../up' }))).toBe('NAME_INVALID');
  });

  it('finds names by the template of the profile, and tells what no name leads to', async () => {
    const at = await mount({ 'x-shop': ACCOUNT, other: ACCOUNT });
    await room.secrets.profiles.update(room.ctx, at.path, { nameTemplate: 'x-{name}' });
    const { id } = await scan(at);
    expect((await itemsOf(id)).map(({ physicalName, name, code }) => [physicalName, name, code])).toEqual([
      ['other', null, 'OBJECT_UNNAMED'],
      ['x-shop', 'shop', null],
    ]);
  });

  it('shows only what the caller may adopt, and needs the permission for imports and for the list', async () => {
    const at = await mount({ mine: ACCOUNT, theirs: ACCOUNT });
    const some = {
      'claviger/imports/*': ['create'],
      [`claviger/secrets/${at.path}/`]: ['list'],
      [`claviger/adopt/${at.path}/mine`]: ['update'],
    };
    const caller = room.secrets.caller(some);
    const done = await scan(at, {}, caller);
    expect(done).toMatchObject({ found: 1, hidden: 1 });
    expect((await itemsOf(done.id, caller)).map(({ name }) => name)).toEqual(['mine']);
    for (const missing of Object.keys(some).slice(0, 2)) {
      const lesser = room.secrets.caller({ ...some, [missing]: ['deny'] });
      expect(await codeOf(imports.create(lesser, { vaultProfile: at.path }))).toBe('ACCESS_DENIED');
    }
    const stranger = room.secrets.caller({});
    expect(await codeOf(imports.get(stranger, done.id))).toBe('IMPORT_NOT_FOUND');
    expect(await codeOf(imports.adopt(room.secrets.caller({ '*': ['create', 'read'] }), done.id, { all: true }))).toBe(
      'IMPORT_NOT_FOUND',
    );
  });

  it('fails with what the vault says, and goes on with another page where a worker died', async () => {
    const at = await mount({ one: ACCOUNT });
    failing(at, 'list', refused('PERMISSION_DENIED'));
    const failed = await scan(at);
    expect(failed).toMatchObject({ state: 'failed', code: 'VAULT_PERMISSION_DENIED' });
    expect(await codeOf(imports.adopt(room.ctx, failed.id, { all: true }))).toBe('IMPORT_NOT_READY');

    const many = await mount(Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`s-${i}`, ACCOUNT])));
    const { id } = await imports.create(room.ctx, { vaultProfile: many.path });
    let pages = 0;
    many.faults = (operation) => {
      if (operation === 'list' && (pages += 1) === 2) throw new Error('The process dies.');
      return undefined;
    };
    await expect(scanner.scan(room.job, id)).rejects.toThrow('The process dies.');
    mend([many]);
    clock.skip(200_000);
    room.secrets.woken.length = 0;
    await scanner.sweep(room.job);
    expect(room.secrets.woken).toEqual([id]);
    await scanner.scan(room.job, id);
    expect(await imports.get(room.ctx, id)).toMatchObject({ state: 'ready', found: 120 });
    expect(new Set((await itemsOf(id)).map(({ name }) => name)).size).toBe(120);
  });

  it.each(['full', 'pruned'] as const)(
    'tells of an object that the credentials may not read, and finds the others all the same, at a vault of kind %s',
    async (flavour) => {
      const at = await mount({ a: ACCOUNT, closed: ACCOUNT, z: ACCOUNT }, flavour);
      at.faults = (operation, _, name) => {
        if (operation === 'readMany') return { type: 'error-of-one', name: 'closed', error: 'PERMISSION_DENIED' };
        return operation === 'read' && name === 'closed' ? refused('PERMISSION_DENIED') : undefined;
      };
      const done = await scan(at);
      expect(done).toMatchObject({ state: 'ready', found: 3 });
      expect((await itemsOf(done.id)).map(({ physicalName, name, code }) => [physicalName, name, code])).toEqual([
        ['a', 'a', null],
        ['closed', null, 'VAULT_PERMISSION_DENIED'],
        ['z', 'z', null],
      ]);
    },
  );

  it.each([
    ['full', 'UNAVAILABLE'],
    ['pruned', 'UNAVAILABLE'],
    ['pruned', 'CANCELLED'],
  ] as const)('of a %s vault fails with %s of a read, and calls no object unreadable for it', async (flavour, code) => {
    const at = await mount({ a: ACCOUNT, b: ACCOUNT }, flavour);
    failing(at, flavour === 'full' ? 'readMany' : 'read', refused(code));
    const failed = await scan(at);
    expect(failed).toMatchObject({ state: 'failed', code: `VAULT_${code}` });
    expect(await itemsOf(failed.id)).toEqual([]);
  });

  it.each(['full', 'pruned'] as const)(
    'leaves out what was removed while it looked, at a %s vault',
    async (flavour) => {
      const at = await mount({ a: ACCOUNT, gone: ACCOUNT }, flavour);
      at.holds = (operation) => (operation.startsWith('read') ? at.remove('gone') : undefined);
      const done = await scan(at);
      expect(done).toMatchObject({ state: 'ready', found: 1, hidden: 0 });
      expect((await itemsOf(done.id)).map(({ physicalName }) => physicalName)).toEqual(['a']);
    },
  );

  it('asks for several objects at once where the vault gives them so', async () => {
    const contents = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`s-${String(i).padStart(2, '0')}`, ACCOUNT]),
    );
    const at = await mount(contents, 'full');
    const asked: string[] = [];
    at.faults = (operation) => void asked.push(operation);
    const done = await scan(at);
    expect((await itemsOf(done.id)).map(({ name }) => name)).toEqual(Object.keys(contents));
    // Fifty and ten objects, seven at once.
    expect(asked.filter((operation) => operation === 'readMany')).toHaveLength(7 + 2);
    expect(asked.filter((operation) => operation === 'read')).toHaveLength(1);
  });

  it('is forgotten by who made it, or after a day', async () => {
    const at = await mount({});
    const [one, two] = [await scan(at), await scan(at)];
    await imports.remove(room.ctx, one.id);
    expect(await codeOf(imports.get(room.ctx, one.id))).toBe('IMPORT_NOT_FOUND');
    clock.skip(86_400_000);
    await scanner.sweep(room.job);
    expect(await codeOf(imports.get(room.ctx, two.id))).toBe('IMPORT_NOT_FOUND');
  });
});

describe('adopting', () => {
  it('makes secrets of what was chosen when its plan is applied, and touches no content', async () => {
    const at = await mount({ account: ACCOUNT, key: { key: 'k9Jx27QmZw4pTfVb' }, left: { a: 1 } });
    const { id } = await scan(at);
    const plan = await imports.adopt(room.ctx, id, {
      items: [{ number: 1 }, { number: 2, type: 'api-key' }],
      labels: { team: 'shop' },
      reason: 'moved in',
    });
    expect(plan.items.byAction).toEqual({ adopt: 2 });
    expect(await namesAt(at)).toEqual([]);
    expect(await applied(plan)).toEqual(['done', 'done']);
    expect(await namesAt(at)).toEqual(['account basic-auth active adopted', 'key api-key active adopted']);
    const secretId = (await room.items(plan.id))[0]!.secretId!;
    expect(await room.content(secretId)).toEqual(ACCOUNT);
    expect([at.versions('account'), await at.read('account')]).toEqual([1, ACCOUNT]);
    expect(await scan(at)).toMatchObject({ found: 1, known: 2 });
  });

  it('takes all whose type is certain, once', async () => {
    const at = await mount({ sure: ACCOUNT, unsure: { key: 'k9Jx27QmZw4pTfVb' } });
    const { id } = await scan(at);
    const plan = await imports.adopt(room.ctx, id, { all: true });
    expect((await room.items(plan.id)).map(({ subject }) => subject)).toEqual([`${at.path}/sure`]);
    expect(await codeOf(imports.adopt(room.ctx, id, { all: true }))).toBe('NOTHING_TO_CHOOSE');
    expect((await itemsOf(id)).map(({ planId }) => planId)).toEqual([plan.id, null]);
  });

  it('takes those again whose plan came to nothing', async () => {
    const at = await mount({ a: ACCOUNT, b: ACCOUNT });
    const { id } = await scan(at);
    const first = await imports.adopt(room.ctx, id, { items: [{ number: 1 }] });
    await room.plans.cancel(room.ctx, first.id);
    const plan = await imports.adopt(room.ctx, id, { all: true });
    expect((await room.items(plan.id)).map(({ subject }) => subject)).toEqual([`${at.path}/a`, `${at.path}/b`]);
    expect(await codeOf(imports.adopt(room.ctx, id, { all: true }))).toBe('NOTHING_TO_CHOOSE');
  });

  it('of objects that lead to one name takes the first, and says of the next that the name is taken', async () => {
    const at = await mount({ 'basic-auth/x': ACCOUNT, 'key-value/x': { host: 'db' }, 'key-value/y': { host: 'db' } });
    await room.secrets.profiles.update(room.ctx, at.path, { nameTemplate: '{type}/{name}' });
    const { id } = await scan(at);
    expect((await itemsOf(id)).map(({ name }) => name)).toEqual(['x', 'x', 'y']);
    const plan = await imports.adopt(room.ctx, id, { all: true });
    expect(await applied(plan)).toEqual(['done', 'done']);
    const rest = await imports.adopt(room.ctx, id, { all: true });
    expect((await room.items(rest.id)).map(({ action, error }) => [action, error?.code])).toEqual([
      ['conflict', 'SECRET_EXISTS'],
    ]);
  });

  it('takes 1,200 in plans of 500, each once', async () => {
    const at = await mount(Object.fromEntries(Array.from({ length: 1_200 }, (_, i) => [`s-${i}`, ACCOUNT])));
    const { id } = await imports.create(room.ctx, { vaultProfile: at.path, limit: 5_000 });
    await scanner.scan(room.job, id);
    expect(await imports.get(room.ctx, id)).toMatchObject({ state: 'ready', found: 1_200 });
    const sizes: number[] = [];
    for (let left = 1_200; left > 0; left -= sizes.at(-1)!)
      sizes.push((await imports.adopt(room.ctx, id, { all: true })).items.total);
    expect(sizes).toEqual([500, 500, 200]);
    const [row] = await room.secrets.rows(
      'select count(distinct plan_id)::int as n from vault_import_item where import_id = $1',
      [id],
    );
    expect(row).toEqual({ n: 3 });
  });

  it('whose process dies when the plan is made is not planned twice', async () => {
    const at = await mount({ a: ACCOUNT });
    const { id } = await scan(at);
    const telling = jest.spyOn(room.plans, 'get').mockRejectedValueOnce(new Error('killed'));
    await expect(imports.adopt(room.ctx, id, { all: true })).rejects.toThrow('killed');
    telling.mockRestore();
    expect(await codeOf(imports.adopt(room.ctx, id, { all: true }))).toBe('NOTHING_TO_CHOOSE');
  });

  it('makes one plan, however often its request is repeated', async () => {
    const at = await mount({ a: ACCOUNT, b: ACCOUNT });
    const { id } = await scan(at);
    const attempt = { id: '0199aa00-0000-7000-8000-00000000bbbb', owner: 'x', granted: new Set<string>() };
    const again = { ...room.ctx, attempt };
    const plan = await imports.adopt(again, id, { items: [{ number: 1 }] });
    expect(await imports.adopt(again, id, { all: true })).toEqual(plan);
    expect((await itemsOf(id)).map(({ planId }) => planId)).toEqual([plan.id, null]);
  });

  it.each([
    ['that is not there', { number: 9 }],
    ['whose type is not certain and was not named', { number: 2 }],
    ['as what it is not', { number: 1, type: 'jwt' as const }],
  ])('refuses an item %s', async (_, item) => {
    const at = await mount({ a: ACCOUNT, b: { content: 'x' } });
    const { id } = await scan(at);
    expect(await codeOf(imports.adopt(room.ctx, id, { items: [item] }))).toBe('IMPORT_CHOICE_INVALID');
  });

  it('does not take what has changed since it was looked at, before or after it was planned', async () => {
    const at = await mount({ before: ACCOUNT, later: ACCOUNT, gone: ACCOUNT });
    const { id } = await scan(at);
    await at.write('before', { ...ACCOUNT, password: 'other' });
    const plan = await imports.adopt(room.ctx, id, { all: true });
    expect((await room.items(plan.id)).map(({ action, error }) => [action, error?.code])).toEqual([
      ['blocked', 'FOUND_CONTENT_CHANGED'],
      ['adopt', undefined],
      ['adopt', undefined],
    ]);
    await at.write('later', { ...ACCOUNT, password: 'other' });
    await at.remove('gone');
    expect(await applied(plan)).toEqual([
      'skipped FOUND_CONTENT_CHANGED',
      'failed NOTHING_FOUND',
      'stale FOUND_CONTENT_CHANGED',
    ]);
    expect(await namesAt(at)).toEqual([]);
  });

  it('replicates what it adopted', async () => {
    const at = await mount({ copied: ACCOUNT });
    const { id } = await scan(at);
    const plan = await imports.adopt(room.ctx, id, { all: true, syncProfiles: ['copy'] });
    expect((await room.items(plan.id))[0]!.plan).toMatchObject([{ action: 'adopt' }, { action: 'create' }]);
    expect(await applied(plan)).toEqual(['done']);
    const secretId = (await room.items(plan.id))[0]!.secretId!;
    const sql = 'select desired_version, desired_presence from sync_target where secret_id = $1';
    expect(await room.secrets.rows(sql, [secretId])).toEqual([{ desired_version: 1, desired_presence: 'present' }]);
  });

  it('needs what adopting one secret needs', async () => {
    const at = await mount({ named: ACCOUNT });
    const may = {
      'claviger/plans/*': ['create'],
      [`claviger/secrets/${at.path}/*`]: ['create', 'read'],
      [`${at.path}/data/*`]: ['create'],
      [`claviger/adopt/${at.path}/*`]: ['update'],
    };
    const {
      kind: _,
      content: _content,
      onConflict: _onConflict,
      ...input
    } = creating('named', { sourceProfile: at.path });
    const adopt = { ...input, kind: 'secret.adopt', type: 'basic-auth' } as const;
    for (const missing of Object.keys(may).slice(1)) {
      const lesser = room.secrets.caller({ ...may, [missing]: ['deny'] });
      const plan = await room.make([adopt], lesser);
      const [item] = await room.plans.listItems(lesser, plan.id, { limit: 1 });
      expect([missing, item!.error?.code]).toEqual([missing, 'ACCESS_DENIED']);
    }
    const plan = await room.make([adopt], room.secrets.caller(may));
    expect(plan.items.byAction).toEqual({ adopt: 1 });
  });
});
