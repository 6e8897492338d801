import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from '@jest/globals';
import { startOpenBao, type OpenBaoPeer } from '@claviger/testing';
import { KV1_CAPABILITIES, KV2_CAPABILITIES, type KvCredentials } from '@claviger/vaults/adapters/kv';
import { describeVaultAdapter, type OpenedVault, type VaultHarness } from '@claviger/vaults/conformance';
import type { VaultConnection } from '@claviger/vaults/contract';
import { connectKv, kvCall, useHostileEnvironment } from './kv-connect.js';
import { answerAll, loseAnswers, startFront, type Front, type FrontRule } from './kv-front.js';

useHostileEnvironment();

const CANARY_TOKEN = 'canary-token-of-nobody';
const RETRY_AFTER_SECONDS = 7;

let bao: OpenBaoPeer;
let sealed: OpenBaoPeer;
let outsiderToken: string;
let main: VaultConnection;
const connections: VaultConnection[] = [];
const fronts: Front[] = [];

function connect(address: string, credentials: KvCredentials): VaultConnection {
  const connection = connectKv({ address }, credentials);
  connections.push(connection);
  return connection;
}

const root = (): KvCredentials => ({ type: 'token', token: bao.rootToken });

beforeAll(async () => {
  [bao, sealed] = await Promise.all([startOpenBao(), startOpenBao()]);
  await bao.mountKv('kv1', 1);
  await bao.mountKv('kv2', 2);
  await sealed.must({ method: 'PUT', path: 'sys/seal' });
  const { client_token } = await bao.must({
    method: 'POST',
    path: 'auth/token/create',
    body: { policies: ['default'] },
  });
  outsiderToken = client_token as string;
  main = connect(bao.address, root());
}, 60_000);

afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all([...fronts, bao, sealed].map((one) => one.close()));
});

let cases = 0;

function harness(flavour: 'kv1' | 'kv2', configured: 'auto' | 'kv1' | 'kv2'): VaultHarness {
  const settings = { mount: flavour, flavour: configured };
  const open = (connection: VaultConnection, mount = flavour as string): OpenedVault => ({
    adapter: connection.open({ ...settings, mount }),
    folder: `case-${(cases += 1)}`,
  });
  /** Behind a front that turns to its rule once the adapter is logged in and knows the mount. */
  const behind = async (rule: FrontRule): Promise<OpenedVault> => {
    const front = await startFront(bao.address);
    fronts.push(front);
    const vault = open(connect(front.address, root()));
    await vault.adapter.capabilities(kvCall());
    front.rule = rule;
    return vault;
  };
  return {
    flavour,
    capabilities: flavour === 'kv1' ? KV1_CAPABILITIES : KV2_CAPABILITIES,
    cardDirectory: fileURLToPath(new URL('../../docs/generated/vault-kinds', import.meta.url)),
    fresh: async () => open(main),
    credentialTexts: [CANARY_TOKEN],
    withBadCredentials: async () => open(connect(bao.address, { type: 'token', token: CANARY_TOKEN })),
    withoutPermission: async () => open(connect(bao.address, { type: 'token', token: outsiderToken })),
    sealed: async () => open(connect(sealed.address, { type: 'token', token: sealed.rootToken })),
    unreachable: async () => {
      const front = await startFront(bao.address);
      await front.close();
      return open(connect(front.address, root()));
    },
    failing: () => behind(answerAll(500, '<html>canary of a proxy</html>')),
    throttled: () => behind(answerAll(429, '{"errors":["quota"]}', { 'retry-after': String(RETRY_AFTER_SECONDS) })),
    throttledRetryAfterMs: RETRY_AFTER_SECONDS * 1000,
    missingMount: async () => open(main, 'not-mounted'),
    stalled: async () => {
      let reach = (): void => undefined;
      const reached = new Promise<void>((resolve) => (reach = resolve));
      return { ...(await behind(() => reach())), reached };
    },
    losesAnswers: () => behind(loseAnswers),
    ...(flavour === 'kv2' && {
      interruptCreate: async (_: OpenedVault, name: string, custom_metadata: Record<string, string>) => {
        await bao.must({ method: 'POST', path: `kv2/metadata/${name}`, body: { custom_metadata } });
      },
    }),
  };
}

describeVaultAdapter('kv', harness('kv2', 'auto'));
describeVaultAdapter('kv', harness('kv1', 'kv1'));
