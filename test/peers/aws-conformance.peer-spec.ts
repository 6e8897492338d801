import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { findMoto, startMoto, type MotoPeer } from '@claviger/testing';
import { awsCapabilities, type AwsConfig } from '@claviger/vaults/adapters/aws-secrets-manager';
import { describeVaultAdapter, type OpenedVault, type VaultHarness } from '@claviger/vaults/conformance';
import type { VaultConnection } from '@claviger/vaults/contract';
import { connectAws, STATIC, useHostileEnvironment } from './aws-connect.js';
import { answering, loseAnswers, refusing, startAwsFront, type AwsFront, type AwsRule } from './aws-front.js';

useHostileEnvironment();

const RETRY_AFTER_SECONDS = 7;

let moto: MotoPeer;
let main: VaultConnection;
let forceful: VaultConnection;
const connections: VaultConnection[] = [];
const fronts: AwsFront[] = [];

function connect(address: string, config: Partial<AwsConfig> = {}): VaultConnection {
  const connection = connectAws(address, config);
  connections.push(connection);
  return connection;
}

async function frontWith(rule: AwsRule = () => undefined): Promise<AwsFront> {
  const front = await startAwsFront(moto.address);
  front.rule = rule;
  fronts.push(front);
  return front;
}

let cases = 0;

function harness(flavour: string, forceDelete: boolean): VaultHarness {
  const open = (connection: VaultConnection): OpenedVault => ({
    adapter: connection.open({ mount: '', flavour: 'auto' }),
    folder: `case-${(cases += 1)}`,
  });
  const behind = async (rule: AwsRule): Promise<OpenedVault> =>
    open(connect((await frontWith(rule)).address, { forceDelete }));
  return {
    flavour,
    capabilities: awsCapabilities('', forceDelete),
    ...(forceDelete
      ? {}
      : { cardDirectory: fileURLToPath(new URL('../../docs/generated/vault-kinds', import.meta.url)) }),
    fresh: async () => open(forceDelete ? forceful : main),
    credentialTexts: [STATIC.secretAccessKey],
    // moto takes any credentials, lets anybody do anything and never throttles: answers as AWS documents them.
    withBadCredentials: () => behind(refusing('UnrecognizedClientException')),
    withoutPermission: () => behind(refusing('AccessDeniedException')),
    throttled: () => behind(refusing('ThrottlingException', { 'retry-after': String(RETRY_AFTER_SECONDS) })),
    throttledRetryAfterMs: RETRY_AFTER_SECONDS * 1000,
    unreachable: async () => {
      const front = await startAwsFront(moto.address);
      await front.close();
      return open(connect(front.address));
    },
    failing: () => behind(answering(500, '<html>canary of a proxy</html>')),
    stalled: async () => {
      let reach = (): void => undefined;
      const reached = new Promise<void>((resolve) => (reach = resolve));
      const silent: AwsRule = () => {
        reach();
        return 'answered';
      };
      return { ...(await behind(silent)), reached };
    },
    losesAnswers: () => behind(loseAnswers),
    // What a person leaves who creates a secret and gives it no value.
    interruptCreate: async (_, name, metadata) => {
      const Tags = Object.entries(metadata).map(([Key, Value]) => ({ Key, Value }));
      await moto.call('CreateSecret', { Name: name, Tags });
    },
  };
}

(findMoto() ? describe : describe.skip)('AWS Secrets Manager (needs moto)', () => {
  beforeAll(async () => {
    moto = await startMoto();
    const { address } = await frontWith();
    main = connect(address);
    forceful = connect(address, { forceDelete: true });
  }, 120_000);

  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await Promise.all([...fronts, ...(moto ? [moto] : [])].map((one) => one.close()));
  });

  describeVaultAdapter('aws-secrets-manager', harness('default', false));
  describeVaultAdapter('aws-secrets-manager', harness('force-delete', true));
});
