import { VERIFY_TARGETS } from '@claviger/features/replication';
import { eventually } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hasMoto, Stage, unique, type StageVault } from './stage.js';
import type { AwsMount } from './vault-mounts.js';

jest.setTimeout(60_000);

(hasMoto ? describe : describe.skip)('AWS Secrets Manager (needs moto)', () => {
  let stage: Stage;
  let inside: StageVault;
  let aws: StageVault & AwsMount;
  beforeAll(async () => {
    stage = await Stage.open({ bao: false, moto: true });
    inside = await stage.vault('builtin');
    aws = (await stage.vault('aws')) as StageVault & AwsMount;
  }, 120_000);
  afterAll(() => stage?.close());

  const ONE = { username: 'app', password: 'correct horse' };
  const TWO = { username: 'app', password: 'battery staple' };
  const theirs = { value: 'theirs' };

  async function copied(): Promise<{ id: string; name: string }> {
    const { id, name } = await stage.secret({ name: unique('team/copy'), source: inside, targets: [aws] });
    await stage.inSync(id);
    return { id, name };
  }

  async function verify(id: string, status: string): Promise<unknown> {
    await stage.app.database.dataSource.query(`update sync_target set next_verify_at = now()`);
    stage.app.runJob(VERIFY_TARGETS);
    return stage.targetBecomes(id, status);
  }

  const sync = async (id: string): Promise<void> => {
    expect((await stage.api.post(`/secrets/${id}/targets/${aws.profile}/sync`)).status).toBe(202);
    await stage.inSync(id);
  };

  const remove = async (id: string): Promise<void> => {
    expect((await stage.api.delete(`/secrets/${id}`, { ifMatch: '*' })).status).toBe(200);
    await stage.becomes(id, 'deleted');
  };

  describe('as a target of the built-in vault', () => {
    it('gets every version, under our tags, and schedules the deletion', async () => {
      const name = unique('team/db');
      const { id } = await stage.secret({ name, source: inside, targets: [aws], type: 'basic-auth', content: ONE });
      await stage.inSync(id);
      expect(await aws.read(name)).toEqual(ONE);
      expect((await aws.describe(name))?.Tags?.map(({ Key }) => Key)).toEqual(['claviger_owner', 'claviger_place']);
      await stage.write(id, TWO);
      await stage.inSync(id);
      expect(await aws.read(name)).toEqual(TWO);
      expect(await aws.countVersions(name)).toBe(2);
      await remove(id);
      expect(await aws.read(name)).toBeUndefined();
      expect((await aws.describe(name))?.DeletedDate).toEqual(expect.any(Number));
    });

    it('becomes the source, and a target again', async () => {
      const { id, name } = await copied();
      const move = async (profile: string): Promise<void> => {
        const { status } = await stage.api.put(`/secrets/${id}/source-profile`, { profile }, { ifMatch: '*' });
        expect(status).toBe(200);
        await stage.inSync(id);
      };
      await move(aws.profile);
      expect(await aws.countVersions(name)).toBe(1);
      await stage.write(id, { value: 'two' });
      expect(await aws.read(name)).toEqual({ value: 'two' });
      await stage.inSync(id);
      expect([await stage.content(id), await stage.content(id, 1)]).toEqual([{ value: 'two' }, { value: 'one' }]);
      await move(inside.profile);
      expect(await aws.countVersions(name)).toBe(2);
      expect([await stage.content(id), await stage.content(id, 1)]).toEqual([{ value: 'two' }, { value: 'one' }]);
      await remove(id);
      expect(await aws.read(name)).toBeUndefined();
    });

    it('takes a new secret under the name of one that waits for its deletion, and forgets the old content', async () => {
      const old = await copied();
      await remove(old.id);
      const fresh = await stage.secret({ name: old.name, source: inside, targets: [aws], content: { value: 'anew' } });
      await stage.inSync(fresh.id);
      expect(await aws.read(old.name)).toEqual({ value: 'anew' });
      const { DeletedDate, VersionIdsToStages = {} } = (await aws.describe(old.name))!;
      expect([DeletedDate, Object.values(VersionIdsToStages)]).toEqual([null, [[], ['AWSCURRENT']]]);
    });

    it('is told as drifted when somebody wrote there, and written anew on a sync request, each time', async () => {
      const { id, name } = await copied();
      for (const versions of [3, 5]) {
        await aws.write(name, theirs);
        expect(await verify(id, 'drifted')).toMatchObject({ drift: { kind: 'content' } });
        expect(await aws.read(name)).toEqual(theirs);
        await sync(id);
        expect(await aws.read(name)).toEqual({ value: 'one' });
        expect(await aws.countVersions(name)).toBe(versions);
      }
    });

    it.each([
      ['bytes', { SecretBinary: Buffer.from('theirs').toString('base64') }],
      ['a plain password', { SecretString: 'theirs' }],
    ])('is told as drifted when somebody put %s there, which no secret can hold', async (_, value) => {
      const { id, name } = await copied();
      await aws.call('PutSecretValue', name, { ...value, ClientRequestToken: 'a'.repeat(32) });
      expect(await verify(id, 'drifted')).toMatchObject({ drift: { kind: 'content' } });
      await sync(id);
      expect(await aws.read(name)).toEqual({ value: 'one' });
    });

    it('is told as missing when somebody deleted the copy, and is restored on a sync request', async () => {
      const { id, name } = await copied();
      const before = Object.keys((await aws.describe(name))!.VersionIdsToStages!);
      await aws.remove(name);
      expect(await verify(id, 'missing')).toMatchObject({ error: { code: 'TARGET_REMOVED_AT_TARGET' } });
      await sync(id);
      expect(await aws.read(name)).toEqual({ value: 'one' });
      const after = (await aws.describe(name))!;
      expect(after.DeletedDate).toBeNull();
      expect(Object.keys(after.VersionIdsToStages!)).toEqual(expect.arrayContaining(before));
    });

    it('leaves what somebody else deleted there, and says that the name is blocked', async () => {
      const name = unique('team/blocked');
      await aws.write(name, theirs);
      await aws.remove(name);
      const { id } = await stage.secret({ name, source: inside, targets: [aws] });
      const target = await stage.targetBecomes(id, 'blocked');
      expect(target).toMatchObject({ error: { code: 'VAULT_PENDING_DELETION' } });
      await aws.call('RestoreSecret', name, {});
      expect(await aws.read(name)).toEqual(theirs);
    });

    it('leaves what is no content there, and says that it is not ours', async () => {
      const name = unique('team/bytes');
      await aws.write(name, theirs);
      await aws.call('PutSecretValue', name, {
        SecretBinary: Buffer.from('their bytes').toString('base64'),
        ClientRequestToken: 'f'.repeat(32),
      });
      const refused = await stage.api.post('/secrets', {
        name,
        type: 'key-value',
        content: { value: 'ours' },
        sourceProfile: inside.profile,
        syncProfiles: [aws.profile],
      });
      expect(refused).toMatchObject({ status: 409, body: { code: 'PLACE_OCCUPIED' } });
    });
  });

  describe('as a source', () => {
    it('is written, read, restored, told as drifted, and gives its old versions', async () => {
      const name = unique('team/db');
      const { id } = await stage.secret({ name, source: aws, targets: [inside], type: 'basic-auth', content: ONE });
      await stage.inSync(id);
      expect(await aws.read(name)).toEqual(ONE);
      expect(await inside.read(name)).toEqual(ONE);
      expect(await stage.write(id, TWO)).toBe(2);
      await eventually(async () => expect(await inside.read(name)).toEqual(TWO));
      expect(await stage.content(id, 1)).toEqual(ONE);
      expect((await stage.api.post(`/secrets/${id}/versions/1/restore`)).body).toMatchObject({ version: 3 });
      expect(await stage.content(id)).toEqual(ONE);
      expect(await aws.countVersions(name)).toBe(3);

      await aws.write(name, theirs);
      expect(await stage.content(id)).toEqual(ONE);
      expect(await stage.show(id)).toMatchObject({ drift: { kind: 'content' } });
      expect(await stage.write(id, TWO)).toBe(4);
      expect(await aws.read(name)).toEqual(TWO);
      await remove(id);
      expect((await aws.describe(name))?.DeletedDate).toEqual(expect.any(Number));
    });

    it('can be created again under the same name after it was deleted', async () => {
      const name = unique('team/again');
      const { id } = await stage.secret({ name, source: aws });
      await remove(id);
      const fresh = await stage.secret({ name, source: aws, content: { value: 'anew' } });
      expect(await stage.content(fresh.id)).toEqual({ value: 'anew' });
      expect(await aws.read(name)).toEqual({ value: 'anew' });
    });

    it('is taken back by the next write when somebody deleted it there', async () => {
      const name = unique('team/taken-back');
      const { id } = await stage.secret({ name, source: aws });
      await aws.remove(name);
      expect(await stage.write(id, { value: 'two' })).toBe(2);
      expect(await aws.describe(name)).toMatchObject({ DeletedDate: null });
      expect([await aws.read(name), await stage.content(id, 1)]).toEqual([{ value: 'two' }, { value: 'one' }]);
    });

    it('refuses a name that an object of somebody else blocks, before anything is stored', async () => {
      const name = unique('team/theirs');
      await aws.write(name, theirs);
      await aws.remove(name);
      const refused = await stage.api.post('/secrets', {
        name,
        type: 'key-value',
        content: { value: 'ours' },
        sourceProfile: aws.profile,
        syncProfiles: [],
      });
      expect(refused).toMatchObject({ status: 409, body: { code: 'VAULT_PENDING_DELETION' } });
      const found = await stage.api.get(`/secrets?profile=${aws.profile}&name=${encodeURIComponent(name)}`);
      expect(found.status).toBe(404);
    });

    it('is imported from: what can be a secret, and why something cannot', async () => {
      const folder = unique('team/import');
      for (const name of ['account', 'bytes', 'waiting']) await aws.write(`${folder}/${name}`, ONE);
      await aws.call('PutSecretValue', `${folder}/bytes`, {
        SecretBinary: Buffer.from('their bytes').toString('base64'),
        ClientRequestToken: 'a'.repeat(32),
      });
      await aws.remove(`${folder}/waiting`);
      const { body: made } = await stage.api.post('/imports', { vaultProfile: aws.profile, folder });
      await eventually(async () =>
        expect((await stage.api.get(`/imports/${made.id}`)).body).toMatchObject({ state: 'ready', found: 2 }),
      );
      const { body: found } = await stage.api.get(`/imports/${made.id}/items`);
      expect(found.items).toMatchObject([
        { name: `${folder}/account`, types: ['basic-auth', 'key-value'], error: null },
        { physicalName: `${folder}/bytes`, error: { code: 'VAULT_INVALID_VALUE' } },
      ]);
    });

    it('refuses what AWS would not take, naming the profile', async () => {
      const content = { value: 'x'.repeat(65_536) };
      const request = { type: 'key-value', sourceProfile: aws.profile, syncProfiles: [] };
      const large = await stage.api.post('/secrets', { ...request, name: unique('large'), content });
      expect(large.status).toBe(413);
      const long = await stage.api.post('/secrets', { ...request, name: 'ü'.repeat(100), content: { value: 'x' } });
      expect(long).toMatchObject({ status: 400, body: { code: 'NAME_UNFIT' } });
    });
  });

  it('is reached at the root of the account by a profile without a mount, which other vaults refuse', async () => {
    await stage.register('vault-profiles', { name: 'aws-root', instance: 'aws', mount: '' });
    await stage.moto!.call('CreateSecret', {
      Name: 'at-the-root',
      SecretString: '{"value":"theirs"}',
      ClientRequestToken: 'a'.repeat(32),
    });
    const { status, body } = await stage.api.post('/secrets', {
      name: 'at-the-root',
      type: 'key-value',
      content: theirs,
      sourceProfile: 'aws-root',
      syncProfiles: [],
      onConflict: 'adopt-if-equal',
    });
    expect({ status, body }).toMatchObject({ status: 201 });
    expect(await stage.content(body.secret.id as string)).toEqual(theirs);
    const refused = await stage.api.post('/vault-profiles', { name: 'no-mount', instance: 'inside', mount: '' });
    expect(refused).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } });
    expect(JSON.stringify(refused.body)).toContain('#/mount');
  });

  it('does not lend the credentials of Claviger’s own process unless the operator says so', async () => {
    const refused = await stage.api.post('/vault-instances', {
      name: 'lent',
      kind: 'aws-secrets-manager',
      config: { region: 'eu-west-1' },
      credentials: { type: 'environment' },
    });
    expect(refused).toMatchObject({ status: 400, body: { code: 'VAULT_CHECK_FAILED' } });
    expect(JSON.stringify(refused.body)).toContain('CLAVIGER_AWS_ENVIRONMENT_CREDENTIALS');
  });
});
