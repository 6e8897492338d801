import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { findMoto } from '@claviger/testing';
import { readObjects, type ReadAnswer, type VaultAdapter } from '@claviger/vaults/contract';
import { awsCall, useHostileEnvironment } from './aws-connect.js';
import { actionsOf, answering, refusing, type AwsRule } from './aws-front.js';
import { AwsScene, content, unique } from './aws-scene.js';

useHostileEnvironment();

const text = (name: string): string => `{"of":"${name}"}`;

/** What each name was answered with: a text, or the code of an error. */
const told = (answers: readonly ReadAnswer[]): readonly (readonly [string, string])[] =>
  answers.map(({ name, found, error }) => [name, error ? error.vaultCode : found.content.reveal()]);

/** Of one action, and of no other. */
const only =
  (action: string, rule: AwsRule): AwsRule =>
  (request, response) =>
    request.action === action ? rule(request, response) : undefined;

(findMoto() ? describe : describe.skip)('AWS Secrets Manager (needs moto), several secrets at once', () => {
  let scene: AwsScene;
  beforeAll(async () => {
    scene = await AwsScene.start();
  }, 120_000);
  afterEach(() => scene.closeOpened());
  afterAll(() => scene?.close());

  async function openWith(...names: readonly string[]) {
    const mount = unique();
    const opened = await scene.open({}, mount);
    for (const name of names) await opened.adapter.create(awsCall(), name, content(text(name)));
    opened.front.requests.length = 0;
    return { ...opened, mount };
  }

  it('are asked for by one request, by their stored names', async () => {
    const { adapter, front, mount } = await openWith('b', 'a b', 'c');
    expect(told(await adapter.readMany(awsCall(), ['c', 'a b', 'b']))).toEqual([
      ['c', text('c')],
      ['a b', text('a b')],
      ['b', text('b')],
    ]);
    expect(actionsOf(front)).toEqual(['BatchGetSecretValue']);
    expect(front.requests[0]?.input).toEqual({ SecretIdList: [`${mount}/c`, `${mount}/a=20b`, `${mount}/b`] });
  });

  it('are all answered for when AWS divides its answer', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const { adapter, front } = await openWith(...names);
    front.batchPage = 3;
    expect(told(await adapter.readMany(awsCall(), [...names, 'absent']))).toEqual([
      ...names.map((name) => [name, text(name)]),
      ['absent', 'NOT_FOUND'],
    ]);
    expect(front.requests.map(({ action, input }) => [action, input['NextToken']])).toEqual([
      ['BatchGetSecretValue', undefined],
      ['BatchGetSecretValue', '3'],
      ['BatchGetSecretValue', '6'],
    ]);
  });

  it('are answered for as one at a time, whatever state they are in', async () => {
    const { adapter, mount } = await openWith('fine', 'waiting', 'moved', 'db', 'db-AbCdEf');
    const stored = (name: string): string => `${mount}/${name}`;
    const make = (name: string, value: object): Promise<unknown> =>
      scene.moto.call('CreateSecret', { Name: stored(name), ...value, ClientRequestToken: 'a'.repeat(32) });
    await make('bytes', { SecretBinary: Buffer.from('canary').toString('base64') });
    await make('plain', { SecretString: 'canary' });
    await scene.moto.call('CreateSecret', { Name: stored('empty') });
    await adapter.purge(awsCall(), 'waiting');
    const first = (await adapter.describe(awsCall(), 'moved')).currentVersion;
    const second = await adapter.put(awsCall(), 'moved', content(text('later')));
    await scene.moto.call('UpdateSecretVersionStage', {
      SecretId: stored('moved'),
      VersionStage: 'AWSCURRENT',
      RemoveFromVersionId: second.version,
      MoveToVersionId: first,
    });

    const names = ['fine', 'waiting', 'moved', 'db', 'db-AbCdEf', 'bytes', 'plain', 'empty', 'absent', 'b//ad'];
    const answers = await adapter.readMany(awsCall(), names);
    expect(told(answers)).toEqual([
      ['fine', text('fine')],
      ['waiting', 'NOT_FOUND'],
      ['moved', text('moved')],
      ['db', text('db')],
      ['db-AbCdEf', text('db-AbCdEf')],
      ['bytes', 'INVALID_VALUE'],
      ['plain', 'INVALID_VALUE'],
      ['empty', 'NOT_FOUND'],
      ['absent', 'NOT_FOUND'],
      ['b//ad', 'INVALID_NAME'],
    ]);
    for (const { name, found, error } of answers) {
      const alone = await adapter.read(awsCall(), name).catch((reason: unknown) => reason);
      if (found) expect(alone).toMatchObject({ version: found.version });
      else expect(alone).toMatchObject({ vaultCode: error.vaultCode });
      expect(inspect({ found, error }, { depth: Infinity })).not.toContain('canary');
    }
  });

  it('that AWS does not give for a reason of their own are answered with it, and say nothing of its words', async () => {
    const { adapter, front, mount } = await openWith('a', 'b', 'c', 'd');
    const codes = { a: 'AccessDeniedException', b: 'DecryptionFailure', c: 'ResourceNotFoundException' };
    const Errors = Object.entries(codes).map(([name, ErrorCode]) => ({
      SecretId: `${mount}/${name}`,
      ErrorCode,
      Message: 'canary of a message',
    }));
    const value = { Name: `${mount}/d`, SecretString: text('d'), VersionId: 'v', VersionStages: ['AWSCURRENT'] };
    front.rule = only('BatchGetSecretValue', answering(200, JSON.stringify({ SecretValues: [value], Errors })));
    const answers = await adapter.readMany(awsCall(), ['a', 'b', 'c', 'd']);
    expect(told(answers)).toEqual([
      ['a', 'PERMISSION_DENIED'],
      ['b', 'KEY_UNUSABLE'],
      ['c', 'NOT_FOUND'],
      ['d', text('d')],
    ]);
    expect(answers[0]?.error?.message).toContain('"a" in AWS eu-west-1');
    expect(inspect(answers, { depth: Infinity })).not.toContain('canary of a message');
  });

  it.each(['ThrottlingException', 'InternalServiceError'])(
    'fail together where AWS could not give one of them because of %s, so that all are asked for again',
    async (ErrorCode) => {
      const { adapter, front, mount } = await openWith('a', 'b');
      const Errors = [{ SecretId: `${mount}/b`, ErrorCode }];
      const value = { Name: `${mount}/a`, SecretString: text('a'), VersionId: 'v', VersionStages: ['AWSCURRENT'] };
      front.rule = only('BatchGetSecretValue', answering(200, JSON.stringify({ SecretValues: [value], Errors })));
      await expect(adapter.readMany(awsCall(), ['a', 'b'])).rejects.toMatchObject({ retryable: true });
    },
  );

  it('are read alone where a batch tells nothing of them, or something else', async () => {
    const { adapter, front, mount } = await openWith('a', 'b');
    const another = { Name: `${mount}/other`, SecretString: '{"of":"another"}', VersionStages: ['AWSCURRENT'] };
    const old = { Name: `${mount}/b`, SecretString: '{"of":"the past"}', VersionStages: ['AWSPREVIOUS'] };
    front.rule = only('BatchGetSecretValue', answering(200, JSON.stringify({ SecretValues: [another, old] })));
    expect(told(await adapter.readMany(awsCall(), ['a', 'b']))).toEqual([
      ['a', text('a')],
      ['b', text('b')],
    ]);
    expect(actionsOf(front)).toEqual(['BatchGetSecretValue', 'GetSecretValue', 'GetSecretValue']);
  });

  it('are not asked for without end where a batch never comes to its end', async () => {
    const { adapter, front } = await openWith('a', 'b');
    front.rule = only('BatchGetSecretValue', answering(200, JSON.stringify({ SecretValues: [], NextToken: 'again' })));
    expect(told(await adapter.readMany(awsCall(), ['a', 'b']))).toEqual([
      ['a', text('a')],
      ['b', text('b')],
    ]);
    expect(actionsOf(front).filter((action) => action === 'BatchGetSecretValue')).toHaveLength(2);
  });

  describe('by whoever may not ask for batches', () => {
    const readAll = async (adapter: VaultAdapter, names: readonly string[]): Promise<readonly ReadAnswer[]> => {
      const answers: ReadAnswer[] = [];
      const capabilities = await adapter.capabilities(awsCall());
      for await (const answer of readObjects({ adapter, capabilities }, awsCall(), names)) answers.push(answer);
      return answers;
    };

    it('are read one at a time', async () => {
      const { adapter, front } = await openWith('a', 'b', 'c');
      front.rule = only('BatchGetSecretValue', refusing('AccessDeniedException'));
      expect(told(await readAll(adapter, ['a', 'b', 'c', 'absent']))).toEqual([
        ['a', text('a')],
        ['b', text('b')],
        ['c', text('c')],
        ['absent', 'NOT_FOUND'],
      ]);
      expect(actionsOf(front)[0]).toBe('BatchGetSecretValue');
      expect(actionsOf(front).slice(1)).toEqual(Array.from({ length: 4 }, () => 'GetSecretValue'));
    });

    it('are not read at all by whoever may not read them either', async () => {
      const { adapter, front } = await openWith('a', 'b');
      front.rule = refusing('AccessDeniedException');
      expect(told(await readAll(adapter, ['a', 'b']))).toEqual([
        ['a', 'PERMISSION_DENIED'],
        ['b', 'PERMISSION_DENIED'],
      ]);
    });
  });
});
