import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, SecretValue } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { inspect } from 'node:util';
import { createVaultRoom, type VaultRoom } from '../../../testing/src/vault-room.js';
import { VAULT_PROFILE_ENTITIES } from './index.js';
import type { NewVaultInstance } from './vault-instance.schema.js';

const TOKEN = 'good-token';
const CANARY = 'canary-91c7';

describe('VaultInstanceService', () => {
  let db: TestDatabase;
  let room: VaultRoom;
  let count = 0;

  beforeAll(async () => {
    db = await createTestDatabase(VAULT_PROFILE_ENTITIES);
    room = await createVaultRoom(db);
  });
  afterAll(() => db.drop());

  const token = (text: string): SecretValue<unknown> => new SecretValue({ token: text });
  /** A reachable server under a new address, and what registers it. */
  function remote(changes: Partial<NewVaultInstance> = {}): NewVaultInstance {
    const name = `instance-${++count}`;
    const address = `https://${name}.test`;
    room.fake.serve(address);
    return { name, kind: 'fake', config: { address }, credentials: token(TOKEN), ...changes };
  }
  const refusal = async (attempt: Promise<unknown>): Promise<AppError> => {
    const error: unknown = await attempt.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof AppError) return error;
    throw new Error(`expected an AppError, got ${inspect(error)}`);
  };
  const auditRows = async (name: string): Promise<{ action: string }[]> =>
    (await db.database.pool.query('select * from audit_entry where resource_name = $1 order by at, id', [name]))
      .rows as never;

  describe('create', () => {
    it('saves, notes the server, and never gives the credentials back', async () => {
      const input = remote({ description: 'the first', limits: { requestsPerSecond: 5 } });
      const created = await room.instances.create(room.ctx, input);
      expect(created).toMatchObject({
        name: input.name,
        kind: 'fake',
        description: 'the first',
        config: input.config,
        limits: { requestsPerSecond: 5 },
        serverIdentity: `server of https://${input.name}.test`,
        revision: 1,
      });
      expect(Object.keys(created)).not.toContain('credentials');
      expect(await room.instances.get(room.ctx, input.name)).toEqual(created);
      expect(await room.instances.get(room.ctx, created.id)).toEqual(created);
      expect(await auditRows(input.name)).toMatchObject([
        { action: 'vault-instance.create', outcome: 'allowed', resource_id: created.id },
      ]);
      expect(room.fake.connections.at(-1)).toMatchObject({ isClosed: true });
    });

    it('needs nothing for the built-in vault', async () => {
      const created = await room.instances.create(room.ctx, { name: 'local', kind: 'builtin' });
      expect(created).toMatchObject({ config: {}, serverIdentity: `builtin:${room.ctx.storeId}` });
    });

    it.each([
      ['sealed', 'unavailable'],
      ['unreachable', 'unavailable'],
      ['unauthenticated', 'invalid'],
      ['no_permission', 'invalid'],
      ['misconfigured', 'invalid'],
    ] as const)('saves nothing when the vault is %s, unless the check is turned off', async (status, kind) => {
      const input = remote();
      room.fake.servers.get(String(input.config?.['address']))!.status = status;
      const error = await refusal(room.instances.create(room.ctx, input));
      expect(error).toMatchObject({
        code: 'VAULT_CHECK_FAILED',
        kind,
        details: { status, reason: `The fake vault is ${status}.` },
      });
      await expect(room.instances.get(room.ctx, input.name)).rejects.toMatchObject({
        code: 'VAULT_INSTANCE_NOT_FOUND',
      });
      expect(await auditRows(input.name)).toEqual([]);
      expect(await room.instances.create(room.ctx, input, { check: false })).toMatchObject({ serverIdentity: null });
    });

    it('refuses a name that is taken, also when both came at once', async () => {
      const input = remote();
      const results = await Promise.allSettled([1, 2, 3].map(() => room.instances.create(room.ctx, input)));
      const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as AppError] : []));
      expect(refused.map((error) => error.code)).toEqual(['VAULT_INSTANCE_EXISTS', 'VAULT_INSTANCE_EXISTS']);
      await expect(room.instances.create(room.ctx, input)).rejects.toMatchObject({ code: 'VAULT_INSTANCE_EXISTS' });
    });

    it('names the kinds there are when the kind is unknown', async () => {
      const error = await refusal(room.instances.create(room.ctx, remote({ kind: CANARY })));
      expect(error).toMatchObject({
        code: 'VAULT_KIND_UNKNOWN',
        kind: 'invalid',
        details: { kinds: ['builtin', 'fake'] },
      });
    });

    it.each([
      [{ name: 'Upper' }, '#/name'],
      [{ name: '' }, '#/name'],
      [{ name: 'a/b' }, '#/name'],
      [{ name: 'x'.repeat(64) }, '#/name'],
      [{ name: '0199aa00-0000-7000-8000-000000000001' }, '#/name'],
      [{ limits: { requestsPerSecond: 0 } }, '#/limits/requestsPerSecond'],
      [{ config: {} }, '#/config/address'],
      [{ config: { address: CANARY } }, '#/config/address'],
      [{ config: { address: 'https://x.test', timeoutMs: CANARY } }, '#/config/timeoutMs'],
      [{ config: { address: 'https://x.test', [CANARY]: 1 } }, '#/config'],
      [{ credentials: undefined }, '#/credentials/token'],
      [{ credentials: new SecretValue(CANARY) }, '#/credentials'],
      [{ credentials: new SecretValue({ token: 17, [CANARY]: CANARY }) }, '#/credentials/token'],
      [{ credentials: new SecretValue({ token: 'x', [CANARY]: CANARY }) }, '#/credentials'],
      [{ credentials: { token: CANARY } as never }, '#/credentials'],
      [{ [CANARY]: CANARY }, '#'],
    ] as readonly (readonly [object, string])[])(
      'points to what is wrong in %j and quotes nothing',
      async (changes, pointer) => {
        const input = { ...remote(), ...changes } as NewVaultInstance;
        if ('credentials' in changes && changes.credentials === undefined)
          delete (input as Record<string, unknown>)['credentials'];
        const error = await refusal(room.instances.create(room.ctx, input));
        expect(error.code).toBe('INPUT_INVALID');
        expect(error.details).toMatchObject({ errors: expect.arrayContaining([expect.objectContaining({ pointer })]) });
        expect(inspect(error, { depth: 10 })).not.toContain(CANARY);
      },
    );
  });

  describe('credentials', () => {
    it('are nowhere in the database, the audit log, the answers or the errors', async () => {
      const input = remote({ credentials: token(CANARY) });
      const failed = await refusal(room.instances.create(room.ctx, input));
      const created = await room.instances.create(room.ctx, input, { check: false });
      const answers = [failed, created, await room.instances.check(room.ctx, input.name)];
      const { rows: tables } = await db.database.pool.query(
        `select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
      );
      for (const { table_name: table } of tables as { table_name: string }[]) {
        const { rows } = await db.database.pool.query(
          `select encode(convert_to(t::text, 'UTF8'), 'escape') as text, t.* from ${table} t`,
        );
        answers.push(rows as never);
      }
      const bytes = await db.database.pool.query('select credentials from vault_instance where id = $1', [created.id]);
      const sealed = (bytes.rows[0] as { credentials: Buffer }).credentials;
      for (const form of [CANARY, Buffer.from(CANARY).toString('hex'), Buffer.from(CANARY).toString('base64')]) {
        expect(inspect(answers, { depth: 10, maxArrayLength: null, maxStringLength: null })).not.toContain(form);
        expect(sealed.toString('latin1')).not.toContain(form);
      }
    });

    it('do not open in the row of another instance', async () => {
      const [one, other] = [
        await room.instances.create(room.ctx, remote()),
        await room.instances.create(room.ctx, remote()),
      ];
      await db.database.pool.query(
        'update vault_instance set credentials = (select credentials from vault_instance where id = $1) where id = $2',
        [one.id, other.id],
      );
      await expect(room.instances.check(room.ctx, other.id)).rejects.toMatchObject({ code: 'CIPHERTEXT_INVALID' });
    });
  });

  describe('update', () => {
    it('merges the configuration, where null removes', async () => {
      const { name, config } = await room.instances.create(room.ctx, remote());
      const longer = await room.instances.update(room.ctx, name, { config: { timeoutMs: 5 }, description: 'new' });
      expect(longer).toMatchObject({ config: { ...config, timeoutMs: 5 }, description: 'new', revision: 2 });
      const reset = await room.instances.update(room.ctx, name, { config: { timeoutMs: null } });
      expect(reset).toMatchObject({ config, description: 'new', revision: 3 });
      expect(await auditRows(name)).toMatchObject([
        { action: 'vault-instance.create' },
        { action: 'vault-instance.update', details: { changed: 'description, config' } },
        { action: 'vault-instance.update', details: { changed: 'config' } },
      ]);
    });

    it.each(['address', 'namespace'])('wants the credentials again when the %s changes', async (field) => {
      const { name } = await room.instances.create(room.ctx, remote());
      const value = field === 'address' ? String(remote().config?.['address']) : 'elsewhere';
      const config = { [field]: value };
      const error = await refusal(room.instances.update(room.ctx, name, { config }, { check: false }));
      expect(error).toMatchObject({ code: 'CREDENTIALS_REQUIRED', kind: 'invalid', details: { fields: [field] } });
      expect(await room.instances.get(room.ctx, name)).toMatchObject({ revision: 1 });
      const updated = await room.instances.update(room.ctx, name, { config, credentials: token(TOKEN) });
      expect(updated.config).toMatchObject(config);
    });

    it('takes the address again without credentials when it is the same', async () => {
      const { name, config } = await room.instances.create(room.ctx, remote());
      expect(await room.instances.update(room.ctx, name, { config })).toMatchObject({ revision: 2 });
    });

    it('checks a changed connection with the new credentials, and saves nothing when it fails', async () => {
      const { name } = await room.instances.create(room.ctx, remote());
      const wrong = room.instances.update(room.ctx, name, { credentials: token('wrong') });
      await expect(wrong).rejects.toMatchObject({ code: 'VAULT_CHECK_FAILED', details: { status: 'unauthenticated' } });
      expect(await room.instances.check(room.ctx, name)).toMatchObject({ status: 'ready' });
      await room.instances.update(room.ctx, name, { credentials: token('wrong') }, { check: false });
      expect(await room.instances.check(room.ctx, name)).toMatchObject({ status: 'unauthenticated' });
    });

    it('does not ask the vault when only words and limits change', async () => {
      const { name } = await room.instances.create(room.ctx, remote());
      const before = room.fake.checked.length;
      const updated = await room.instances.update(room.ctx, name, {
        description: 'x',
        limits: { requestsPerSecond: 3 },
      });
      expect(updated.limits).toEqual({ requestsPerSecond: 3 });
      expect(room.fake.checked).toHaveLength(before);
    });

    it.each([
      [{ limits: { requestsPerSecond: -1 } }, '#/limits/requestsPerSecond'],
      [{ name: 'other' } as never, '#'],
      [{ kind: 'builtin' } as never, '#'],
    ])('refuses %j', async (changes, pointer) => {
      const { name } = await room.instances.create(room.ctx, remote());
      const error = await refusal(room.instances.update(room.ctx, name, changes));
      expect(error).toMatchObject({ code: 'INPUT_INVALID', details: { errors: [{ pointer }] } });
    });

    it('refuses a revision that is not the current one', async () => {
      const { name } = await room.instances.create(room.ctx, remote());
      await room.instances.update(room.ctx, name, { description: 'a' }, { expectedRevision: 1 });
      const stale = { code: 'STALE_MATCH', kind: 'precondition', details: { current: 2 } };
      const options = { expectedRevision: 1 };
      await expect(room.instances.update(room.ctx, name, { description: 'b' }, options)).rejects.toMatchObject(stale);
      await expect(room.instances.remove(room.ctx, name, options)).rejects.toMatchObject(stale);
      expect(await room.instances.get(room.ctx, name)).toMatchObject({ description: 'a' });
    });

    it('is refused when somebody else was quicker while the vault was asked', async () => {
      const { name } = await room.instances.create(room.ctx, remote());
      room.fake.onCheck = () => room.instances.update(room.ctx, name, { description: 'quicker' });
      const slow = room.instances.update(room.ctx, name, { credentials: token(TOKEN), description: 'slow' });
      await expect(slow).rejects.toMatchObject({ code: 'STALE_MATCH' });
      room.fake.onCheck = async () => undefined;
      expect(await room.instances.get(room.ctx, name)).toMatchObject({ description: 'quicker', revision: 2 });
    });
  });

  describe('remove', () => {
    it('refuses while profiles use it, naming them, and erases the credentials afterwards', async () => {
      const { id, name } = await room.instances.create(room.ctx, remote());
      for (const profile of [`${name}-b`, `${name}-a`])
        await room.profiles.create(room.ctx, { name: profile, instance: id, mount: 'm' });
      const error = await refusal(room.instances.remove(room.ctx, name));
      expect(error).toMatchObject({
        code: 'VAULT_INSTANCE_IN_USE',
        kind: 'conflict',
        details: { profiles: [`${name}-a`, `${name}-b`] },
      });
      expect(error.message).toContain(`${name}-a, ${name}-b`);
      for (const profile of [`${name}-b`, `${name}-a`]) await room.profiles.remove(room.ctx, profile);
      await room.instances.remove(room.ctx, name);
      await expect(room.instances.get(room.ctx, id)).rejects.toMatchObject({ code: 'VAULT_INSTANCE_NOT_FOUND' });
      const { rows } = await db.database.pool.query('select credentials from vault_instance where id = $1', [id]);
      expect(rows).toEqual([{ credentials: null }]);
      expect((await auditRows(name)).map((row) => row.action)).toEqual([
        'vault-instance.create',
        'vault-instance.remove',
      ]);
    });

    it('frees the name', async () => {
      const input = remote();
      const first = await room.instances.create(room.ctx, input);
      await room.instances.remove(room.ctx, input.name);
      const second = await room.instances.create(room.ctx, input);
      expect(second.id).not.toBe(first.id);
    });
  });

  describe('list', () => {
    it('pages through all in order, filtered by prefix and kind', async () => {
      const names = ['list-c', 'list-a', 'list-b', 'list-d'];
      for (const name of names) await room.instances.create(room.ctx, remote({ name }), { check: false });
      await room.instances.create(room.ctx, { name: 'list-local', kind: 'builtin' });
      const query = { limit: 2, sort: 'name', descending: false, namePrefix: 'list-', kind: 'fake' } as const;
      const first = await room.instances.list(room.ctx, query);
      expect(first.map((instance) => instance.name)).toEqual(['list-a', 'list-b']);
      const last = first.at(-1)!;
      const rest = await room.instances.list(room.ctx, {
        ...query,
        limit: 5,
        after: { value: last.name, id: last.id },
      });
      expect(rest.map((instance) => instance.name)).toEqual(['list-c', 'list-d']);
      const newest = { ...query, sort: 'createdAt', descending: true } as const;
      const [latest] = await room.instances.list(room.ctx, newest);
      expect(latest!.name).toBe('list-d');
      const after = { value: latest!.createdAt.toISOString(), id: latest!.id };
      expect((await room.instances.list(room.ctx, { ...newest, after })).map((one) => one.name)).toEqual([
        'list-b',
        'list-a',
      ]);
      const bad = room.instances.list(room.ctx, { ...newest, after: { value: 'list-d', id: latest!.id } });
      await expect(bad).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
    });
  });

  describe('access', () => {
    it('answers alike for what is missing and what is forbidden', async () => {
      const { id, name } = await room.instances.create(room.ctx, remote());
      room.denied
        .add(`claviger/vault-instances/${name}`)
        .add('claviger/vault-instances/missing')
        .add('claviger/vault-instances/');
      const denied = { code: 'ACCESS_DENIED' };
      for (const ref of [name, 'missing']) {
        await expect(room.instances.get(room.ctx, ref)).rejects.toMatchObject(denied);
        await expect(room.instances.update(room.ctx, ref, {})).rejects.toMatchObject(denied);
        await expect(room.instances.remove(room.ctx, ref)).rejects.toMatchObject(denied);
        await expect(room.instances.check(room.ctx, ref)).rejects.toMatchObject(denied);
      }
      const byId = await refusal(room.instances.get(room.ctx, id));
      expect(byId.code).toBe('VAULT_INSTANCE_NOT_FOUND');
      expect(inspect(byId)).not.toContain(name);
      await expect(room.instances.create(room.ctx, remote({ name: 'missing' }))).rejects.toMatchObject(denied);
      await expect(async () =>
        room.instances.list(room.ctx, { limit: 1, sort: 'name', descending: false }),
      ).rejects.toMatchObject(denied);
    });

    it('does not show the instances of another store', async () => {
      const { id, name } = await room.instances.create(room.ctx, remote());
      const foreign = { ...room.ctx, storeId: '0199aa00-0000-7000-8000-000000000001' };
      for (const ref of [id, name])
        await expect(room.instances.get(foreign, ref)).rejects.toMatchObject({ code: 'VAULT_INSTANCE_NOT_FOUND' });
    });
  });
});
