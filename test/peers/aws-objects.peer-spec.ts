import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { findMoto } from '@claviger/testing';
import { awsCall, useHostileEnvironment } from './aws-connect.js';
import { actionsOf, answering, refusing } from './aws-front.js';
import { AwsScene, content, read, unique } from './aws-scene.js';

useHostileEnvironment();

const ONE = '{"n":"1"}';

(findMoto() ? describe : describe.skip)('AWS Secrets Manager (needs moto)', () => {
  let scene: AwsScene;
  beforeAll(async () => {
    scene = await AwsScene.start();
  }, 120_000);
  afterEach(() => scene.closeOpened());
  afterAll(() => scene?.close());

  describe('names', () => {
    it('are stored escaped where AWS does not allow a character', async () => {
      const { adapter } = await scene.open({}, 'odd names/of ours');
      await adapter.create(awsCall(), 'a b=ü', content(ONE));
      expect(await scene.stored('odd=20names/of=20ours/a=20b=3D=C3=BC')).toBeDefined();
      expect(await adapter.list(awsCall(), { prefix: '', recursive: true, limit: 9 })).toMatchObject({
        names: ['a b=ü'],
      });
    });

    it('may end like the ARN of a secret', async () => {
      const { adapter } = await scene.open({}, unique());
      await adapter.create(awsCall(), 'db', content('{"of":"db"}'));
      await adapter.create(awsCall(), 'db-AbCdEf', content('{"of":"db-AbCdEf"}'));
      expect(await read(adapter, 'db')).toBe('{"of":"db"}');
      expect(await read(adapter, 'db-AbCdEf')).toBe('{"of":"db-AbCdEf"}');
    });

    it('that others made and that are nobody’s escaped form are not listed', async () => {
      const mount = unique();
      const { adapter } = await scene.open({}, mount);
      for (const name of ['a=b', 'x//y', 'fine', 'trailing/']) {
        await scene.moto.call('CreateSecret', {
          Name: `${mount}/${name}`,
          SecretString: ONE,
          ClientRequestToken: 'a'.repeat(32),
        });
      }
      expect((await adapter.list(awsCall(), { prefix: '', recursive: true, limit: 9 })).names).toEqual(['fine']);
    });

    it('are told to be too long by what they take once they are escaped', async () => {
      const { adapter, front } = await scene.open({}, 'm');
      await adapter.create(awsCall(), 'ü'.repeat(85), content(ONE));
      const sent = front.requests.length;
      await expect(adapter.create(awsCall(), 'ü'.repeat(86), content(ONE))).rejects.toMatchObject({
        vaultCode: 'INVALID_NAME',
      });
      expect(front.requests).toHaveLength(sent);
    });

    it('are one place however they are divided into mount and name', async () => {
      const connection = scene.connect(scene.moto.address);
      expect(connection.canonicalPlace('a/b', 'c d')).toBe(connection.canonicalPlace('a', 'b/c d'));
      expect(connection.canonicalPlace('a', 'b=20c')).not.toBe(connection.canonicalPlace('a', 'b c'));
    });
  });

  describe('tags', () => {
    it('are the metadata, beside those of others and without those of AWS itself', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE), { claviger_owner: 'k.mark' });
      await scene.moto.call('TagResource', {
        SecretId: name,
        Tags: [
          { Key: 'team', Value: 'payments' },
          { Key: 'aws:cloudformation:stack-name', Value: 'x' },
        ],
      });
      expect((await adapter.describe(awsCall(), name)).metadata).toEqual({
        claviger_owner: 'k.mark',
        team: 'payments',
      });
      await adapter.setMetadata(awsCall(), name, { claviger_owner: 'k.other' });
      expect((await scene.stored(name))?.Tags).toContainEqual({ Key: 'team', Value: 'payments' });
    });
  });

  describe('a description', () => {
    it('of the current version costs one request, and one more that of all', async () => {
      const { adapter, front } = await scene.open();
      const name = unique();
      await adapter.create(awsCall(), name, content(ONE), { claviger_owner: 'k.mark' });
      const { version } = await adapter.put(awsCall(), name, content('{"n":"2"}'));
      front.requests.length = 0;
      expect(await adapter.describe(awsCall(), name, 'current')).toEqual({
        currentVersion: version,
        versions: [{ version, state: 'live', createdAt: undefined }],
        metadata: { claviger_owner: 'k.mark' },
      });
      expect(actionsOf(front)).toEqual(['DescribeSecret']);
      expect((await adapter.describe(awsCall(), name)).versions).toHaveLength(2);
      expect(actionsOf(front).slice(1)).toEqual(['DescribeSecret', 'ListSecretVersionIds']);
    });
  });

  describe('contents', () => {
    it('are kept byte for byte', async () => {
      const { adapter } = await scene.open();
      const name = unique();
      const text = '{ "b":1.10,\n"a":[12345678901234567890,"\\u00e9é🔑"] }';
      await adapter.create(awsCall(), name, content(text));
      expect(await read(adapter, name)).toBe(text);
    });

    it('of one byte too many are refused before anything is sent', async () => {
      const { adapter, front } = await scene.open();
      const largest = `{"k":"${'x'.repeat(65_536 - 8)}"}`;
      const name = unique();
      await adapter.create(awsCall(), name, content(largest));
      const sent = front.requests.length;
      await expect(adapter.put(awsCall(), name, content(`${largest} `))).rejects.toMatchObject({
        vaultCode: 'TOO_LARGE',
        details: { bytes: 65_537, limit: 65_536 },
      });
      expect(front.requests).toHaveLength(sent);
    });

    it.each([
      ['bytes', { SecretBinary: Buffer.from('canary').toString('base64') }],
      ['a plain password', { SecretString: 'canary' }],
      ['a list', { SecretString: '["canary"]' }],
    ])('that are %s are told to be none, with their version and nothing else', async (_, value) => {
      const { adapter } = await scene.open();
      const name = unique();
      const token = 'b'.repeat(32);
      await scene.moto.call('CreateSecret', { Name: name, ...value, ClientRequestToken: token });
      const error: unknown = await adapter.read(awsCall(), name).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ vaultCode: 'INVALID_VALUE', details: { version: token } });
      expect(inspect(error, { depth: Infinity })).not.toContain('canary');
      expect(await adapter.describe(awsCall(), name)).toMatchObject({ currentVersion: token });
    });
  });

  describe('a list', () => {
    it('goes through all pages of AWS and has an order of its own', async () => {
      const mount = unique();
      const { adapter, front } = await scene.open({}, mount);
      const names = Array.from({ length: 230 }, (_, index) => `n-${String((index * 77) % 230).padStart(3, '0')}`);
      for (const name of [...names, '../x']) {
        await scene.moto.call('CreateSecret', {
          Name: `${mount}/${name}`,
          SecretString: ONE,
          ClientRequestToken: 'c'.repeat(32),
        });
      }
      await scene.moto.call('CreateSecret', {
        Name: `${mount}-2/x`,
        SecretString: ONE,
        ClientRequestToken: 'c'.repeat(32),
      });
      const first = await adapter.list(awsCall(), { prefix: '', recursive: true, limit: 200 });
      expect(actionsOf(front)).toEqual(['ListSecrets', 'ListSecrets', 'ListSecrets']);
      const rest = await adapter.list(awsCall(), { prefix: '', recursive: true, limit: 200, cursor: first.cursor! });
      expect([...first.names, ...rest.names]).toEqual([...names].sort());
      expect(rest.cursor).toBeUndefined();
    });

    it('for who minds no order costs one request a page', async () => {
      const mount = unique();
      const { adapter, front } = await scene.open({}, mount);
      const names = Array.from({ length: 45 }, (_, index) => `n-${String((index * 7) % 45).padStart(2, '0')}`);
      for (const name of names)
        await scene.moto.call('CreateSecret', {
          Name: `${mount}/${name}`,
          SecretString: ONE,
          ClientRequestToken: 'c'.repeat(32),
        });
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const query = { prefix: '', recursive: true, limit: 20, order: 'any' } as const;
        const page = await adapter.list(awsCall(), { ...query, ...(cursor === undefined ? {} : { cursor }) });
        found.push(...page.names);
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(found.sort()).toEqual([...names].sort());
      expect(actionsOf(front)).toEqual(['ListSecrets', 'ListSecrets', 'ListSecrets']);
      expect(front.requests[0]?.input['MaxResults']).toBe(20);
    });
  });

  describe('throttling', () => {
    it.each([
      'ThrottlingException',
      'Throttling',
      'TooManyRequestsException',
      'RequestLimitExceeded',
      'RequestThrottledException',
      'SlowDown',
    ])('by %s is THROTTLED, after one request', async (name) => {
      const { adapter, front } = await scene.open();
      front.rule = refusing(name, { 'retry-after': '3' });
      await expect(adapter.put(awsCall(), 'a', content(ONE))).rejects.toMatchObject({
        vaultCode: 'THROTTLED',
        retryAfterMs: 3_000,
        outcomeUnknown: false,
        details: { backendCode: name },
      });
      expect(front.requests).toHaveLength(1);
    });

    it('by something in front of AWS is THROTTLED too', async () => {
      const { adapter, front } = await scene.open();
      front.rule = answering(429, '<html>slow down</html>');
      await expect(adapter.read(awsCall(), 'a')).rejects.toMatchObject({ vaultCode: 'THROTTLED', httpStatus: 429 });
    });
  });

  describe('errors', () => {
    it.each([
      ['LimitExceededException', 'QUOTA_EXCEEDED', false],
      ['DecryptionFailure', 'KEY_UNUSABLE', false],
      ['InternalServiceError', 'UNAVAILABLE', true],
      ['ExpiredTokenException', 'UNAUTHENTICATED', false],
      ['SomethingNew', 'INTERNAL', true],
    ])('named %s are %s', async (name, vaultCode, outcomeUnknown) => {
      const { adapter, front } = await scene.open();
      front.rule = refusing(name);
      const error: unknown = await adapter.put(awsCall(), 'a', content(ONE)).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ vaultCode, outcomeUnknown, httpStatus: 400 });
      expect(inspect(error, { depth: Infinity })).not.toContain('canary of a message');
    });

    it('of an address that is not AWS say so', async () => {
      const { adapter, front } = await scene.open();
      front.rule = answering(200, '<html>welcome</html>');
      await expect(adapter.read(awsCall(), 'a')).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
    });
  });
});
