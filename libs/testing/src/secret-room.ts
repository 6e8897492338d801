import { Global, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  AppError,
  CLOCK,
  newId,
  SecretValue,
  systemClock,
  type Actor,
  type Clock,
  type RequestContext,
} from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { JobQueue } from '@claviger/platform/queue';
import { Logger, ProcessRegistry } from '@claviger/platform/telemetry';
import { AccessService, compilePolicies, parsePolicy, type PolicyMatcher } from '@claviger/features/access';
import { ApprovalsModule } from '@claviger/features/approvals';
import { ChangesModule, ChangeService, type ChangeEntity } from '@claviger/features/changes';
import { ComplianceModule } from '@claviger/features/compliance';
import { ISSUER_DOCUMENTS } from '@claviger/features/principals';
import { ImportsModule } from '@claviger/features/imports';
import { PlansModule } from '@claviger/features/plans';
import { ReplicationModule, Reconciler } from '@claviger/features/replication';
import {
  ContentService,
  SecretService,
  SecretsModule,
  SecretViews,
  SourceVerification,
} from '@claviger/features/secrets';
import type { NewSecret } from '@claviger/features/secrets';
import { VaultInstanceService, VaultProfileService } from '@claviger/features/vault-profiles';
import { BuiltinKind, openBuiltinContent, sealBuiltinContent } from '@claviger/vaults/adapters/builtin';
import { ReferenceAdapter, REFERENCE_FLAVOURS, type ReferenceFlavour } from '@claviger/vaults/conformance';
import {
  LOCAL_VAULT,
  VAULT_KINDS,
  type AdapterCall,
  type AdapterOperation,
  type LocalVault,
  type MountSettings,
  type VaultAdapter,
  type VaultConnection,
  type VaultKind,
} from '@claviger/vaults/contract';
import { intercept } from '@claviger/vaults/wrappers';
import { z } from 'zod';
import { VaultGuards } from '../../features/src/vault-profiles/vault-guards.js';
import { JobRegistry } from '../../platform/src/queue/job-registry.js';
import { testContext, testKeyring } from './context.js';
import type { TestDatabase } from './database.js';
import { injectFaults, type FaultScript } from './fault-injecting-adapter.js';
import { captureLogs, type LogCapture } from './log-capture.js';

// Not behind the door of libs/testing: whoever imports this loads most of the program.

/** The machine's clock, a while ahead. */
export class AheadClock implements Clock {
  #aheadMs = 0;

  now(): Date {
    return new Date(Date.now() + this.#aheadMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  skip(ms: number): void {
    this.#aheadMs += ms;
  }
}

/** A mount of the outside vault, which a test also reaches past Claviger. */
export class OutsideMount {
  /** What happens to Claviger's calls; nothing does unless a test says so. */
  faults: FaultScript = () => undefined;
  /** What each of Claviger's calls waits for. */
  holds: (operation: AdapterOperation) => Promise<unknown> | undefined = () => undefined;
  readonly vault: ReferenceAdapter;

  constructor(
    readonly path: string,
    flavour: ReferenceFlavour,
  ) {
    this.vault = new ReferenceAdapter({ kind: 'outside', capabilities: REFERENCE_FLAVOURS[flavour] });
  }

  /** As somebody else writes there. */
  async write(name: string, content: object): Promise<void> {
    await this.vault.put(PAST_CLAVIGER, name, new SecretValue(JSON.stringify(content)));
  }

  /** What is there now; undefined when nothing readable is. */
  async read(name: string): Promise<unknown> {
    const found = await this.vault.read(PAST_CLAVIGER, name).catch(() => undefined);
    return found && (JSON.parse(found.content.reveal()) as unknown);
  }

  async remove(name: string): Promise<void> {
    await this.vault.purge(PAST_CLAVIGER, name);
  }

  /** How many versions of it are kept. */
  versions(name: string): number {
    return this.vault.snapshot().get(name)?.versions.length ?? 0;
  }
}

const PAST_CLAVIGER: AdapterCall = { requestId: 'past-claviger', signal: new AbortController().signal };

/** A kind of vault "over the network", in memory. */
export class OutsideKind implements VaultKind<object, object> {
  readonly kind = 'outside';
  readonly title = 'Outside';
  readonly description = 'A vault of tests.';
  readonly configSchema = z.strictObject({});
  readonly credentialsSchema = z.looseObject({});
  readonly flavours = [];
  readonly credentialBoundFields = [] as const;
  readonly remote = true;
  readonly mounts = new Map<string, OutsideMount>();

  connect(): VaultConnection {
    return {
      serverIdentity: async () => 'outside',
      check: async () => ({ status: 'ready', message: 'Ready.', latencyMs: 1, serverIdentity: 'outside' }),
      canonicalPlace: (mount, name) => `${mount}/${name}`,
      close: async () => undefined,
      open: ({ mount }: MountSettings): VaultAdapter => {
        const at = this.mounts.get(mount)!;
        const faulty = injectFaults(at.vault, (...call) => at.faults(...call));
        return intercept(faulty, async ({ operation, run }) => {
          await at.holds(operation);
          return run();
        });
      },
    };
  }
}

/** The secrets room with all that it stands on, on a test database: the built-in vault, an outside one, no queue. */
export type SecretRoom = {
  readonly config: RoomConfig;
  /** A caller who may do everything. */
  readonly ctx: RequestContext;
  readonly db: TestDatabase;
  readonly clock: AheadClock;
  readonly logs: LogCapture;
  /** What workers would have been woken for: the deduplication keys of jobs, in their order. */
  readonly woken: string[];
  readonly secrets: SecretService;
  readonly content: ContentService;
  readonly views: SecretViews;
  readonly changes: ChangeService;
  readonly verification: SourceVerification;
  readonly reconciler: Reconciler;
  readonly profiles: VaultProfileService;
  /** The provider of that class. */
  get<T>(type: abstract new (...args: never[]) => T): T;
  /** Registers a mount of the outside vault as a profile of the same name. */
  outside(path: string, flavour?: ReferenceFlavour): Promise<OutsideMount>;
  /** Registers a mount of the built-in vault as a profile of the same name. */
  builtin(path: string): Promise<void>;
  /** Creates a key-value secret; its id. */
  secret(name: string, more?: Partial<Omit<NewSecret, 'content'>> & { readonly content?: object }): Promise<string>;
  /** Another caller, who may do what this policy says. */
  caller(path: Readonly<Record<string, readonly string[]>>): RequestContext;
  /** Takes somebody's token away. */
  revoke(caller: RequestContext): void;
  rows(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
};

/**
 * Makes a room; another one over the same `kind` is another process on the same database and vaults. `rooms` are modules
 * that a test wants beside it.
 */
export async function createSecretRoom(
  db: TestDatabase,
  kind = new OutsideKind(),
  clock = new AheadClock(),
  rooms: readonly Type[] = [],
): Promise<SecretRoom> {
  const keyring = await testKeyring(db.database);
  const logs = captureLogs();
  const access = new TestAccess();
  const woken: string[] = [];
  const config: RoomConfig = {
    work: { verifyIntervalSeconds: 3_600, complianceIntervalSeconds: 900, deleteFuse: 0 },
    reports: { retentionDays: 90 },
  };
  const module = await Test.createTestingModule({
    imports: [
      Ground.of({ config, db, keyring, clock, logs, kind, woken }),
      ReplicationModule.over(SecretsModule),
      SecretsModule,
      ChangesModule,
      ApprovalsModule,
      PlansModule,
      ComplianceModule,
      ImportsModule,
      ...rooms,
    ],
  })
    .overrideProvider(AccessService)
    .useValue(access)
    // The wrappers have tests of their own; here each fault is to reach what handles it.
    .overrideProvider(VaultGuards)
    .useValue({ of: () => ({ guard: (adapter: VaultAdapter) => adapter, release: () => undefined }) })
    .compile();
  const get = <T>(type: abstract new (...args: never[]) => T): T => module.get(type as never, { strict: false });
  const ctx = testContext({ storeId: keyring.rootStoreId });
  access.know(ctx.actor);
  const profiles = get(VaultProfileService);
  const secrets = get(SecretService);
  for (const name of ['inside', 'outside']) {
    const body = {
      name,
      kind: name === 'inside' ? 'builtin' : 'outside',
      config: {},
      credentials: new SecretValue({}),
    };
    if (!(await db.database.pool.query('select 1 from vault_instance where name = $1', [name])).rowCount)
      await get(VaultInstanceService).create(ctx, body as never, { check: false });
  }
  const profile = async (instance: string, path: string): Promise<void> => {
    await profiles.create(ctx, { name: path, instance, mount: path } as never, { check: false });
  };
  return {
    config,
    ctx,
    db,
    clock,
    logs,
    woken,
    secrets,
    content: get(ContentService),
    views: get(SecretViews),
    changes: get(ChangeService),
    verification: get(SourceVerification),
    reconciler: get(Reconciler),
    profiles,
    get,
    outside: async (path, flavour = 'pruned') => {
      const mount = new OutsideMount(path, flavour);
      kind.mounts.set(path, mount);
      await profile('outside', path);
      return mount;
    },
    builtin: (path) => profile('inside', path),
    secret: async (name, { content = { value: 'one' }, ...more } = {}) => {
      const change = await secrets.create(ctx, {
        name,
        type: 'key-value',
        sourceProfile: 'prod',
        syncProfiles: [],
        onConflict: 'fail',
        ...more,
        ...('generate' in more ? {} : { content: json(content) }),
      });
      return change.secretId!;
    },
    caller: (path) => access.admit(ctx, path),
    revoke: ({ actor }) => access.revoked.add(actor.id),
    rows: async (sql, values = []) =>
      (await db.database.pool.query(sql, [...values])).rows as Record<string, unknown>[],
  };
}

/** Content as it comes in. */
export const json = (value: unknown): SecretValue<string> => new SecretValue(JSON.stringify(value));

/** The version that a change made. */
export const versionOf = (change: Pick<ChangeEntity, 'result'>): number => change.result!['version'] as number;

/** Callers are judged by one policy each, and those that were not admitted by none. */
class TestAccess {
  readonly #matchers = new Map<string, PolicyMatcher>();
  readonly #actors = new Map<string, Actor>();
  /** Ids of tokens that were revoked. */
  readonly revoked = new Set<string>();

  know(actor: Actor): void {
    this.#actors.set(actor.id, actor);
  }

  async actAs(_storeId: string, tokenId: string): Promise<Actor> {
    const actor = this.#actors.get(tokenId);
    if (!actor || this.revoked.has(tokenId))
      throw new AppError({ code: 'TOKEN_INVALID', kind: 'unauthenticated', message: 'The token is not valid.' });
    return actor;
  }

  admit(ctx: RequestContext, path: Readonly<Record<string, readonly string[]>>): RequestContext {
    const stanzas = Object.entries(path).map(([pattern, capabilities]) => [pattern, { capabilities }]);
    const policy = parsePolicy(JSON.stringify({ path: Object.fromEntries(stanzas) }));
    const id = newId();
    this.#matchers.set(id, compilePolicies([{ name: 'test', policy }], { now: new Date() }));
    const actor = { ...ctx.actor, id, rootId: `token:${id}`, policies: ['test'] };
    this.know(actor);
    return { ...ctx, actor };
  }

  can(ctx: RequestContext, path: string, operation: Parameters<PolicyMatcher['match']>[1]): boolean {
    return this.#matchers.get(ctx.actor.id)?.match(path, operation).allowed ?? true;
  }

  /** Policies by these names that are taken from whoever is not asking at the moment. */
  readonly taken = new Set<string>();

  async couldAll(_ctx: RequestContext, policies: readonly string[]): Promise<boolean> {
    return !policies.some((name) => this.taken.has(name));
  }

  authorize(ctx: RequestContext, path: string, operation: Parameters<PolicyMatcher['match']>[1]): void {
    if (this.can(ctx, path, operation)) return;
    throw new AppError({ code: 'ACCESS_DENIED', kind: 'forbidden', message: 'Denied.', details: { path, operation } });
  }
}

/** What a test may set: nothing limits deletions unless it says so. */
export type RoomConfig = {
  readonly work: {
    readonly verifyIntervalSeconds: number;
    readonly complianceIntervalSeconds: number;
    deleteFuse: number;
  };
  readonly reports: { readonly retentionDays: number };
};

type GroundInit = {
  readonly config: RoomConfig;
  readonly db: TestDatabase;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly logs: LogCapture;
  readonly kind: OutsideKind;
  readonly woken: string[];
};

/** A queue that nobody works on. */
function noting(woken: string[]): JobQueue['enqueue'] {
  return (_definition, _payload, { dedupKey } = {}) => {
    if (dedupKey !== undefined) woken.push(dedupKey);
  };
}

/** What the composition root gives, as far as these features ask for it. */
@Global()
@Module({})
class Ground {
  static of({ config, db, keyring, clock, logs, kind, woken }: GroundInit): DynamicModule {
    const local: LocalVault = {
      seal: (storeId, content) => sealBuiltinContent(keyring, storeId, content),
      open: (storeId, stored) => openBuiltinContent(keyring, storeId, stored),
    };
    const values = [
      { provide: CONFIG, useValue: config as Config },
      { provide: CLOCK, useValue: clock },
      { provide: Database, useValue: db.database },
      { provide: Keyring, useValue: keyring },
      { provide: Logger, useValue: logs.logger },
      { provide: ProcessRegistry, useValue: { liveProcesses: () => 1 } },
      { provide: JobQueue, useValue: { enqueue: noting(woken) } },
      { provide: JobRegistry, useValue: new JobRegistry() },
      { provide: VAULT_KINDS, useValue: [new BuiltinKind(db.database, keyring), kind] },
      { provide: LOCAL_VAULT, useValue: local },
      { provide: ISSUER_DOCUMENTS, useValue: {} },
    ];
    return { module: Ground, providers: values, exports: values.map(({ provide }) => provide) };
  }
}
