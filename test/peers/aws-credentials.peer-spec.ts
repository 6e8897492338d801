import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, SecretValue } from '@claviger/kernel';
import { createAwsSecretsManagerKind, type AwsCredentials } from '@claviger/vaults/adapters/aws-secrets-manager';
import type { VaultConnection, VaultError } from '@claviger/vaults/contract';
import { createNetworkPolicy, type NetworkPolicySettings } from '@claviger/vaults/network';
import { findMoto } from '@claviger/testing';
import { awsCall, STATIC, useHostileEnvironment } from './aws-connect.js';
import {
  actionsOf,
  answering,
  refusing,
  startAwsFront,
  type AwsFront,
  type AwsRequest,
  type AwsRule,
} from './aws-front.js';
import { AwsScene } from './aws-scene.js';

useHostileEnvironment();

const ROLE = 'arn:aws:iam::123456789012:role/claviger';
const MOUNT = { mount: 'prod', flavour: 'auto', prefix: 'team' };

(findMoto() ? describe : describe.skip)('AWS Secrets Manager (needs moto)', () => {
  let scene: AwsScene;
  beforeAll(async () => {
    scene = await AwsScene.start();
  }, 120_000);
  afterEach(() => scene.closeOpened());
  afterAll(() => scene?.close());

  /** The access key id that a request was signed with. */
  const signer = ({ headers }: AwsRequest): string =>
    /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';

  const list = (connection: VaultConnection): Promise<unknown> =>
    connection.open(MOUNT).list(awsCall(), { prefix: '', recursive: true, limit: 1 });

  async function withCredentials(
    credentials?: AwsCredentials,
  ): Promise<{ front: AwsFront; connection: VaultConnection }> {
    const front = await scene.front();
    return { front, connection: scene.connect(front.address, {}, credentials) };
  }

  /** What STS answers to AssumeRole. */
  function session(key: string, expiresAt: Date): AwsRule {
    const fields = `<AccessKeyId>${key}</AccessKeyId><SecretAccessKey>canary-of-a-session</SecretAccessKey>
      <SessionToken>token-${key}</SessionToken><Expiration>${expiresAt.toISOString()}</Expiration>`;
    const body = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
      <Credentials>${fields}</Credentials></AssumeRoleResult></AssumeRoleResponse>`;
    const answer = answering(200, body, { 'content-type': 'text/xml' });
    return (request, response) => (request.action === 'AssumeRole' ? answer(request, response) : undefined);
  }

  describe('static keys', () => {
    it('sign every request, whatever the environment holds', async () => {
      const { front, connection } = await withCredentials();
      await list(connection);
      await connection.serverIdentity(awsCall());
      expect(actionsOf(front)).toEqual(['ListSecrets', 'GetCallerIdentity']);
      expect(front.requests.map(signer)).toEqual(['AKIAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPLE']);
      expect(front.requests[0]?.headers['x-amz-security-token']).toBeUndefined();
      expect(front.requests[0]?.headers.authorization).toContain('/eu-west-1/secretsmanager/');
    });

    it('carry their session token where they have one', async () => {
      const { front, connection } = await withCredentials({ ...STATIC, sessionToken: 'a-session' } as AwsCredentials);
      await list(connection);
      expect(front.requests[0]?.headers['x-amz-security-token']).toBe('a-session');
    });

    it('go with the hop header, so that nobody calls himself', async () => {
      const { front, connection } = await withCredentials();
      await connection.open(MOUNT).list(awsCall({ hops: ['other'] }), { prefix: '', recursive: true, limit: 1 });
      expect(front.requests[0]?.headers['x-claviger-hop']).toMatch(/^other,.+/);
    });
  });

  describe('an assumed role', () => {
    const credentials: AwsCredentials = { type: 'assumedRole', roleArn: ROLE, externalId: 'ours', base: STATIC };

    it('is assumed once, with the external id, and signs what follows', async () => {
      const { front, connection } = await withCredentials(credentials);
      await list(connection);
      await list(connection);
      expect(actionsOf(front)).toEqual(['AssumeRole', 'ListSecrets', 'ListSecrets']);
      expect(front.requests.map(signer)[0]).toBe('AKIAIOSFODNN7EXAMPLE');
      expect(front.requests.map(signer)[1]).toMatch(/^ASIA/);
      expect(front.requests[0]?.form).toMatchObject({ RoleArn: ROLE, ExternalId: 'ours', RoleSessionName: 'claviger' });
    });

    it('is assumed anew before its session ends', async () => {
      const { front, connection } = await withCredentials(credentials);
      front.rule = session('ASIAFIRST', new Date(Date.now() + 60_000));
      await list(connection);
      front.rule = session('ASIASECOND', new Date(Date.now() + 3_600_000));
      await list(connection);
      await list(connection);
      expect(
        front.requests
          .filter(({ action }) => action === 'ListSecrets')
          .map(signer)
          .at(-1),
      ).toBe('ASIASECOND');
    });

    it('that may not be assumed is UNAUTHENTICATED, and names itself but no key', async () => {
      const { front, connection } = await withCredentials(credentials);
      front.rule = answering(
        403,
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>canary</Message></Error></ErrorResponse>',
        { 'content-type': 'text/xml' },
      );
      const error: unknown = await list(connection).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
      expect((error as Error).message).toContain(ROLE);
      expect(inspect(error, { depth: Infinity })).not.toMatch(/canary/);
    });

    it('that cannot be asked for now is UNAVAILABLE', async () => {
      const { front, connection } = await withCredentials(credentials);
      front.rule = answering(503, '<html>canary</html>');
      await expect(list(connection)).rejects.toMatchObject({ vaultCode: 'UNAVAILABLE' });
    });

    it('leaves a caller who gives up while it is assumed, and has written nothing', async () => {
      const { front, connection } = await withCredentials(credentials);
      const caller = new AbortController();
      front.rule = () => {
        caller.abort();
        return 'answered';
      };
      const attempt = connection.open(MOUNT).put(awsCall({ signal: caller.signal }), 'a', new SecretValue('{}'));
      await expect(attempt).rejects.toMatchObject({ vaultCode: 'CANCELLED', outcomeUnknown: false });
    });
  });

  describe('credentials of the environment', () => {
    it('are used when they are asked for', async () => {
      delete process.env['AWS_PROFILE'];
      const { front, connection } = await withCredentials({ type: 'environment' });
      await list(connection);
      expect(signer(front.requests[0]!)).toBe('AKIAOFTHEENVIRONMENT');
    });

    it.each<AwsCredentials>([
      { type: 'environment' },
      { type: 'assumedRole', roleArn: ROLE, base: { type: 'environment' } },
    ])('are refused unless the operator allows them: %j', async (credentials) => {
      const connection = connectStrictly({}, credentials, false);
      const check = await connection.check(awsCall(), MOUNT);
      expect(check.status).toBe('misconfigured');
      expect(check.message).toContain('CLAVIGER_AWS_ENVIRONMENT_CREDENTIALS');
      await expect(list(connection)).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
      await connection.close();
    });
  });

  /** As a store of an installation with these network rules does. */
  function connectStrictly(
    network: NetworkPolicySettings,
    credentials: AwsCredentials,
    allowsEnvironment: boolean,
  ): VaultConnection {
    const kind = createAwsSecretsManagerKind({
      installationId: newId(),
      networkPolicy: createNetworkPolicy(network),
      allowsEnvironment,
    });
    const { address } = scene.moto;
    return kind.connect({
      storeId: newId(),
      id: newId(),
      name: 'strict',
      config: kind.configSchema.parse({ region: 'eu-west-1', endpoint: address, stsEndpoint: address }),
      credentials: new SecretValue(credentials),
    });
  }

  describe('without endpoints of one’s own', () => {
    const hostOf = async (more: object): Promise<unknown> => {
      const kind = createAwsSecretsManagerKind({
        installationId: newId(),
        // Refused by name, so that nothing is looked up.
        networkPolicy: createNetworkPolicy({ deny: ['*.amazonaws.com'] }),
        allowsEnvironment: false,
      });
      const config = kind.configSchema.parse({ region: 'us-east-1', ...more });
      const connection = kind.connect({ storeId: '', id: '', name: 'x', config, credentials: new SecretValue(STATIC) });
      const errors = await Promise.all(
        [list(connection), connection.serverIdentity(awsCall())].map((attempt) =>
          attempt.catch((error: unknown) => error),
        ),
      );
      await connection.close();
      return errors.map((error) => (error as VaultError).details?.['host']);
    };

    it('those of the region are asked, whatever the environment says', async () => {
      expect(await hostOf({})).toEqual(['secretsmanager.us-east-1.amazonaws.com', 'sts.us-east-1.amazonaws.com']);
      expect(await hostOf({ useFips: true })).toEqual([
        'secretsmanager-fips.us-east-1.amazonaws.com',
        'sts-fips.us-east-1.amazonaws.com',
      ]);
    });
  });

  describe('a check', () => {
    it('tells whose credentials they are and which server it is', async () => {
      const { front, connection } = await withCredentials();
      const check = await connection.check(awsCall());
      expect(check).toMatchObject({
        status: 'ready',
        serverIdentity: `aws:aws:123456789012:eu-west-1@${front.address}`,
        product: 'aws-secrets-manager',
      });
      expect(check.message).toContain('arn:aws:sts::123456789012:user/moto');
      expect(actionsOf(front)).toEqual(['GetCallerIdentity']);
    });

    it('of a mount tries what the credentials may do, and changes nothing', async () => {
      const { front, connection } = await withCredentials();
      expect(await connection.check(awsCall(), MOUNT)).toMatchObject({
        status: 'ready',
        flavour: 'default',
        capabilities: { immediatePurge: false },
        message: expect.stringContaining('may do all') as unknown,
      });
      for (const { input } of front.requests)
        if ('SecretId' in input) expect(input['SecretId']).toMatch(/^prod\/team\//);
      expect((await scene.moto.call('ListSecrets', { IncludePlannedDeletion: true })).body).toMatchObject({
        SecretList: [],
      });
    });

    const denying =
      (...denied: readonly string[]): AwsRule =>
      (request, response) =>
        denied.includes(request.action) ? refusing('AccessDeniedException')(request, response) : undefined;

    it('says what the credentials may not do', async () => {
      const { front, connection } = await withCredentials();
      front.rule = denying('DeleteSecret', 'RestoreSecret');
      const check = await connection.check(awsCall(), MOUNT);
      expect(check.status).toBe('ready');
      expect(check.message).toContain('may not call secretsmanager:DeleteSecret, secretsmanager:RestoreSecret');
    });

    it('is not ready where they may not read', async () => {
      const { front, connection } = await withCredentials();
      front.rule = denying('GetSecretValue');
      const check = await connection.check(awsCall(), MOUNT);
      expect(check.status).toBe('no_permission');
      expect(check.message).toContain('secretsmanager:GetSecretValue');
    });

    it.each([
      ['unauthenticated', 'InvalidClientTokenId', 403],
      ['unauthenticated', 'ExpiredToken', 403],
      ['unreachable', 'InternalFailure', 500],
    ])('is %s after %s', async (status, code, http) => {
      const { front, connection } = await withCredentials();
      const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>${code}</Code><Message>canary</Message></Error></ErrorResponse>`;
      front.rule = answering(http, body, { 'content-type': 'text/xml' });
      const check = await connection.check(awsCall(), MOUNT);
      expect(check.status).toBe(status);
      expect(check.message).not.toContain('canary');
    });

    it('is unreachable where nothing listens, and misconfigured where nothing may be connected to', async () => {
      const front = await startAwsFront(scene.moto.address);
      await front.close();
      expect(await scene.connect(front.address).check(awsCall(), MOUNT)).toMatchObject({ status: 'unreachable' });
      const strict = connectStrictly({ deny: ['127.0.0.0/8'] }, STATIC, false);
      expect(await strict.check(awsCall(), MOUNT)).toMatchObject({ status: 'misconfigured' });
      await expect(list(strict)).rejects.toMatchObject({ vaultCode: 'ADDRESS_DENIED' });
      await strict.close();
    });
  });
});
