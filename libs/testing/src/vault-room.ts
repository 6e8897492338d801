import { AppError, systemClock, type RequestContext } from '@claviger/kernel';
import type { ProcessRegistry } from '@claviger/platform/telemetry';
import { BuiltinKind } from '@claviger/vaults/adapters/builtin';
import { ReferenceAdapter } from '@claviger/vaults/conformance';
import {
  VaultError,
  type AdapterCall,
  type CheckStatus,
  type InstanceSettings,
  type MountSettings,
  type VaultAdapter,
  type VaultCheck,
  type VaultConnection,
  type VaultKind,
} from '@claviger/vaults/contract';
import { z } from 'zod';
import type { ChangeGateSlot, ChangeService } from '@claviger/features/changes';
import { AuditService } from '../../features/src/audit/audit.service.js';
import { BackendPlaces } from '../../features/src/vault-profiles/backend-places.js';
import { ProfileDirectory } from '../../features/src/vault-profiles/profile-directory.js';
import { ResourceAccess } from '../../features/src/vault-profiles/resource-access.js';
import { ServerIdentities } from '../../features/src/vault-profiles/server-identities.js';
import { VaultConnections } from '../../features/src/vault-profiles/vault-connections.js';
import { VaultGuards } from '../../features/src/vault-profiles/vault-guards.js';
import { VaultInstanceRepository } from '../../features/src/vault-profiles/vault-instance.repository.js';
import { VaultInstanceService } from '../../features/src/vault-profiles/vault-instance.service.js';
import { VaultKindRegistry } from '../../features/src/vault-profiles/vault-kind-registry.js';
import { VaultProfileRepository } from '../../features/src/vault-profiles/vault-profile.repository.js';
import { VaultProfileService } from '../../features/src/vault-profiles/vault-profile.service.js';
import { testContext, testKeyring } from './context.js';
import type { TestDatabase } from './database.js';

const fakeConfig = z.strictObject({
  address: z.url(),
  namespace: z.string().default(''),
  timeoutMs: z.int().min(1).default(1_000),
});
const fakeCredentials = z.strictObject({ token: z.string().min(1) });
type FakeConfig = z.infer<typeof fakeConfig>;
type FakeCredentials = z.infer<typeof fakeCredentials>;

/** A server that a {@link FakeVaultKind} reaches under an address. */
export class FakeServer {
  status: CheckStatus = 'ready';
  token = 'good-token';
  readonly #mounts = new Map<string, ReferenceAdapter>();

  constructor(
    readonly kind: string,
    public identity: string,
  ) {}

  mount(path: string): ReferenceAdapter {
    let mount = this.#mounts.get(path);
    if (!mount) this.#mounts.set(path, (mount = new ReferenceAdapter({ kind: this.kind })));
    return mount;
  }
}

/** A connection that a test looks at from outside. */
export type FakeConnection = { readonly token: string; readonly address: string; isClosed: boolean };

/** A kind of vault "over the network", in memory. Addresses without a server are unreachable. */
export class FakeVaultKind implements VaultKind<FakeConfig, FakeCredentials> {
  readonly kind = 'fake';
  readonly title = 'Fake';
  readonly description = 'A vault of tests.';
  readonly configSchema = fakeConfig;
  readonly credentialsSchema = fakeCredentials;
  readonly flavours = ['one', 'two'];
  readonly credentialBoundFields = ['address', 'namespace'] as const;
  readonly remote = true;
  readonly servers = new Map<string, FakeServer>();
  readonly connections: FakeConnection[] = [];
  /** What checks were asked for. */
  readonly checked: (MountSettings | undefined)[] = [];
  identityCalls = 0;
  /** Runs while a check is under way. */
  onCheck: () => Promise<unknown> = async () => undefined;
  /** Goes around every adapter. */
  wrap: (adapter: VaultAdapter) => VaultAdapter = (adapter) => adapter;

  serve(address: string, identity = `server of ${address}`): FakeServer {
    const server = new FakeServer(this.kind, identity);
    this.servers.set(address, server);
    return server;
  }

  connect({ config, credentials }: InstanceSettings<FakeConfig, FakeCredentials>): VaultConnection {
    const connection = { token: credentials.reveal().token, address: config.address, isClosed: false };
    this.connections.push(connection);
    const server = (): FakeServer | undefined => this.servers.get(config.address);
    const canonicalPlace = (mount: string, name: string): string =>
      [config.namespace, mount, name].filter(Boolean).join('/');
    return {
      canonicalPlace,
      open: ({ mount }) =>
        this.wrap((server() ?? new FakeServer(this.kind, 'nowhere')).mount(canonicalPlace(mount, ''))),
      close: async () => void (connection.isClosed = true),
      serverIdentity: async () => {
        this.identityCalls += 1;
        const found = server();
        if (found) return found.identity;
        throw new VaultError({
          code: 'UNAVAILABLE',
          message: 'Not there.',
          backend: this.kind,
          operation: 'serverIdentity',
        });
      },
      check: async (_call: AdapterCall, mount?: MountSettings): Promise<VaultCheck> => {
        this.checked.push(mount);
        await this.onCheck();
        const found = server();
        const status = found ? (found.token === connection.token ? found.status : 'unauthenticated') : 'unreachable';
        const message = `The fake vault is ${status}.`;
        return { status, message, latencyMs: 1, ...(status === 'ready' ? { serverIdentity: found!.identity } : {}) };
      },
    };
  }
}

/** The vault-profiles room on a test database, with the built-in vault and a fake remote kind. */
export type VaultRoom = {
  readonly ctx: RequestContext;
  readonly fake: FakeVaultKind;
  /** Paths that the caller is denied. */
  readonly denied: Set<string>;
  readonly instances: VaultInstanceService;
  readonly profiles: VaultProfileService;
  readonly connections: VaultConnections;
  readonly places: BackendPlaces;
  /** Another process on the same database: its memory is its own. */
  readonly secondProcess: () => Promise<VaultRoom>;
};

export async function createVaultRoom(db: TestDatabase, fake = new FakeVaultKind()): Promise<VaultRoom> {
  const { database } = db;
  const keyring = await testKeyring(database);
  const denied = new Set<string>();
  const access = {
    can: (_ctx: RequestContext, path: string) => !denied.has(path),
    authorize: (_ctx: RequestContext, path: string) => {
      if (!denied.has(path)) return;
      throw new AppError({ code: 'ACCESS_DENIED', kind: 'forbidden', message: 'Denied.', details: { path } });
    },
  };
  const audit = new AuditService(database, keyring, systemClock);
  const resources = new ResourceAccess(access as never);
  const kinds = new VaultKindRegistry([new BuiltinKind(database, keyring), fake] as never);
  const rows = new VaultInstanceRepository(database, keyring);
  const profileRows = new VaultProfileRepository(database);
  const directory = new ProfileDirectory(database, profileRows, systemClock);
  const identities = new ServerIdentities(database, rows, directory);
  const guards = new VaultGuards(systemClock, { liveProcesses: () => 1 } as ProcessRegistry);
  const connections = new VaultConnections(directory, rows, kinds, identities, guards);
  return {
    ctx: testContext({ storeId: keyring.rootStoreId }),
    fake,
    denied,
    instances: new VaultInstanceService(database, rows, kinds, connections, identities, directory, resources, audit),
    profiles: new VaultProfileService(
      database,
      profileRows,
      rows,
      kinds,
      connections,
      identities,
      directory,
      resources,
      audit,
      // Only profiles with an approval profile come to these.
      {} as ChangeService,
      { gate: { findProfile: async () => undefined } } as unknown as ChangeGateSlot,
    ),
    connections,
    places: new BackendPlaces(database, connections),
    secondProcess: () => createVaultRoom(db, fake),
  };
}

/** Waits until a connection of this database waits for a lock that another one holds. */
export async function someoneWaitsForALock({ database }: TestDatabase): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const { rowCount } = await database.pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (rowCount) return;
  }
  throw new Error('Nobody waits for a lock.');
}
