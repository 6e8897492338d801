import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { findMoto } from '@claviger/testing';
import { awsCall, useHostileEnvironment } from './aws-connect.js';
import { actionsOf, loseAnswers, refusing } from './aws-front.js';
import { AwsScene, content, keyed, read, unique } from './aws-scene.js';

useHostileEnvironment();

const ONE = '{"n":"1"}';
const TWO = '{"n":"2"}';
const PLACE = { claviger_place: 'k1.place' };
const OURS = { claviger_owner: 'k1.our-marker', ...PLACE };

(findMoto() ? describe : describe.skip)('AWS Secrets Manager (needs moto)', () => {
  let scene: AwsScene;
  beforeAll(async () => {
    scene = await AwsScene.start();
  }, 120_000);
  afterEach(() => scene.closeOpened());
  afterAll(() => scene?.close());

  describe('a write with an idempotency key', () => {
    it('makes one version, however often it is repeated', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE));
      const first = await adapter.put(keyed('change-1'), name, content(TWO));
      expect(await adapter.put(keyed('change-1'), name, content(TWO))).toEqual(first);
      const { versions, currentVersion } = await adapter.describe(awsCall(), name);
      expect([versions.length, currentVersion]).toEqual([2, first.version]);
    });

    it('makes one version when the answer to the first attempt was lost', async () => {
      const { adapter, front } = await scene.open();
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE));
      front.rule = loseAnswers;
      await expect(adapter.put(keyed('change-2'), name, content(TWO))).rejects.toMatchObject({ outcomeUnknown: true });
      front.rule = () => undefined;
      const { version } = await adapter.put(keyed('change-2'), name, content(TWO));
      const { versions } = await adapter.describe(awsCall(), name);
      expect(versions.map((one) => one.version).slice(1)).toEqual([version]);
    });

    it('is the same creation when it is repeated', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      const first = await adapter.create(keyed('change-3'), name, content(ONE), OURS);
      expect(await adapter.create(keyed('change-3'), name, content(ONE), OURS)).toEqual(first);
      await expect(adapter.create(keyed('change-4'), name, content(ONE), OURS)).rejects.toMatchObject({
        vaultCode: 'ALREADY_EXISTS',
      });
    });

    it('is refused with other content, as another thing than an object that exists', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      await adapter.create(keyed('change-5'), name, content(ONE));
      const conflict = { vaultCode: 'IDEMPOTENCY_CONFLICT' };
      await expect(adapter.create(keyed('change-5'), name, content(TWO))).rejects.toMatchObject(conflict);
      await expect(adapter.put(keyed('change-5'), name, content(TWO))).rejects.toMatchObject(conflict);
      expect(await read(adapter, name)).toBe(ONE);
    });

    it('becomes the current version again when somebody else wrote after its first attempt', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE));
      const first = await adapter.put(keyed('change-6'), name, content(TWO));
      await scene.moto.call('PutSecretValue', {
        SecretId: name,
        SecretString: '{"n":"theirs"}',
        ClientRequestToken: 'f'.repeat(32),
      });
      const again = await adapter.put(keyed('change-6'), name, content(TWO));
      expect(again.version).not.toBe(first.version);
      expect(await adapter.read(awsCall(), name)).toMatchObject({ version: again.version });
      expect(await adapter.put(keyed('change-6'), name, content(TWO))).toEqual(again);
    });
  });

  describe('staging labels', () => {
    it('are those of AWS: the new version is current, the one before it previous', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      const first = await adapter.create(awsCall(), name, content(ONE));
      const second = await adapter.put(awsCall(), name, content(TWO));
      expect((await scene.stored(name))?.VersionIdsToStages).toEqual({
        [first.version!]: ['AWSPREVIOUS'],
        [second.version!]: ['AWSCURRENT'],
      });
    });

    it('decide what is current, when somebody moves them back to an old version', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      const first = await adapter.create(awsCall(), name, content(ONE));
      const second = await adapter.put(awsCall(), name, content(TWO));
      await scene.moto.call('UpdateSecretVersionStage', {
        SecretId: name,
        VersionStage: 'AWSCURRENT',
        RemoveFromVersionId: second.version,
        MoveToVersionId: first.version,
      });
      expect(await read(adapter, name)).toBe(ONE);
      const { currentVersion, versions } = await adapter.describe(awsCall(), name);
      expect([currentVersion, versions.at(-1)?.version]).toEqual([first.version, first.version]);
    });

    it('are asked about for versions that have none too, which AWS keeps for a while', async () => {
      const { adapter, front } = await scene.open();
      const name = unique();
      for (const text of [ONE, TWO, '{"n":"3"}']) await adapter.put(awsCall(), name, content(text));
      expect((await adapter.describe(awsCall(), name)).versions).toHaveLength(3);
      expect(front.requests.at(-1)).toMatchObject({
        action: 'ListSecretVersionIds',
        input: { IncludeDeprecated: true },
      });
    });

    it('leave out what a rotation is still preparing', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      const { version } = await adapter.create(awsCall(), name, content(ONE));
      await scene.moto.call('PutSecretValue', {
        SecretId: name,
        SecretString: TWO,
        ClientRequestToken: 'e'.repeat(32),
        VersionStages: ['AWSPENDING'],
      });
      const { versions, currentVersion } = await adapter.describe(awsCall(), name);
      expect([versions.map((one) => one.version), currentVersion]).toEqual([[version], version]);
      expect(await read(adapter, name)).toBe(ONE);
    });
  });

  describe('deletion', () => {
    it.each([
      [{}, { RecoveryWindowInDays: 30 }],
      [{ recoveryWindowDays: 7 }, { RecoveryWindowInDays: 7 }],
      [{ forceDelete: true }, { ForceDeleteWithoutRecovery: true }],
    ])('with settings %j asks AWS for %j', async (config, asked) => {
      const { adapter, front } = await scene.open(config);
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE));
      await adapter.purge(awsCall(), name);
      expect(front.requests.at(-1)).toMatchObject({ action: 'DeleteSecret' });
      expect(front.requests.at(-1)?.input).toEqual({ SecretId: name, ...asked });
      expect((await scene.stored(name)) === undefined).toBe('forceDelete' in config);
    });

    it('does nothing to what waits already, and has no error for it', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE));
      await adapter.purge(awsCall(), name);
      const before = await scene.stored(name);
      await adapter.purge(awsCall(), name);
      expect(await scene.stored(name)).toEqual(before);
    });

    it('is undone by a person in AWS, who gets everything back', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      const { version } = await adapter.create(awsCall(), name, content(ONE), OURS);
      await adapter.purge(awsCall(), name);
      await scene.moto.call('RestoreSecret', { SecretId: name });
      expect(await read(adapter, name, version)).toBe(ONE);
      expect(await adapter.describe(awsCall(), name)).toMatchObject({ currentVersion: version, metadata: OURS });
    });

    it('is undone by a creation of the same secret, which keeps the versions of before', async () => {
      const { adapter, front } = await scene.open();
      const name = unique();
      const old = await adapter.create(awsCall(), name, content(ONE), OURS);
      await adapter.purge(awsCall(), name);
      const fresh = await adapter.create(keyed('change-7'), name, content(TWO), OURS, PLACE);
      expect(actionsOf(front).slice(-2)).toEqual(['RestoreSecret', 'PutSecretValue']);
      expect((await scene.stored(name))?.VersionIdsToStages).toEqual({
        [old.version!]: ['AWSPREVIOUS'],
        [fresh.version!]: ['AWSCURRENT'],
      });
    });

    it('is undone by another secret at the same place, which leaves no label at the old content', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      const old = await adapter.create(awsCall(), name, content(ONE), OURS);
      await adapter.purge(awsCall(), name);
      const marker = { claviger_owner: 'k1.of-the-new-secret', ...PLACE };
      const fresh = await adapter.create(keyed('change-8'), name, content(TWO), marker, PLACE);
      const { VersionIdsToStages: labels, Tags } = (await scene.stored(name))!;
      expect(labels).toEqual({ [old.version!]: [], [fresh.version!]: ['AWSCURRENT'] });
      expect(Tags).toEqual(Object.entries(marker).map(([Key, Value]) => ({ Key, Value })));
    });

    it.each(['TagResource', 'PutSecretValue'])(
      'is done again when %s of whoever undid it is refused',
      async (action) => {
        const { adapter, front } = await scene.open();
        const name = unique();
        await adapter.create(awsCall(), name, content(ONE), OURS);
        await adapter.purge(awsCall(), name);
        front.rule = (request, response) =>
          request.action === action ? refusing('AccessDeniedException')(request, response) : undefined;
        const marker = { claviger_owner: 'k1.of-the-new-secret', ...PLACE };
        await expect(adapter.create(awsCall(), name, content(TWO), marker, PLACE)).rejects.toMatchObject({
          vaultCode: 'PERMISSION_DENIED',
        });
        expect((await scene.stored(name))?.DeletedDate).toEqual(expect.any(Number));
      },
    );

    it('tells a name that is blocked, and what to do about it', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE), OURS);
      await adapter.purge(awsCall(), name);
      const attempt = adapter.create(awsCall(), name, content(TWO), OURS, { claviger_place: 'of another' });
      const error: unknown = await attempt.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ vaultCode: 'PENDING_DELETION' });
      expect((error as Error).message).toContain('restore it there');
    });

    it('is refused by AWS while there are replicas, and says so', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      await scene.moto.call('CreateSecret', {
        Name: name,
        SecretString: ONE,
        ClientRequestToken: 'd'.repeat(32),
        AddReplicaRegions: [{ Region: 'us-east-1' }],
      });
      await expect(adapter.purge(awsCall(), name)).rejects.toMatchObject({ vaultCode: 'INVALID_STATE' });
      expect(await read(adapter, name)).toBe(ONE);
    });
  });
});
