import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import {
  isAppError,
  systemClock,
  systemContext,
  type Clock,
  type RequestContext,
  type SecretValue,
} from '@claviger/kernel';
import { ACCESS_ENTITIES, AccessService, PolicyService, TokenService, type NewToken } from '@claviger/features/access';
import { AUDIT_ENTITIES, AuditService } from '@claviger/features/audit';
import { PRINCIPALS_ENTITIES } from '@claviger/features/principals';
import type { Keyring } from '@claviger/platform/crypto';
import { createDataSource, Database } from '@claviger/platform/database';
import { AccessEpoch } from '../../features/src/access/access-epoch.js';
import { PolicyLibrary } from '../../features/src/access/policy-library.js';
import { PolicyRepository } from '../../features/src/access/policy.repository.js';
import { TokenRepository } from '../../features/src/access/token.repository.js';
import { TokenUses } from '../../features/src/access/token-uses.js';
import { testKeyring } from './context.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { captureLogs, type LogCapture } from './log-capture.js';

// Not behind the door of libs/testing: whoever imports this loads the room.

/** The services as one process has them, over connections of its own. */
export type AccessProcess = {
  readonly database: Database;
  readonly epoch: AccessEpoch;
  readonly access: AccessService;
  readonly tokens: TokenService;
  readonly policies: PolicyService;
  readonly uses: TokenUses;
  /** The context of a request with this token. */
  as(token: SecretValue, address?: string): Promise<RequestContext>;
  close(): Promise<void>;
};

/** A policy that lets read one mount. */
export const KV_READER = '{"path": {"k/data/*": {"capabilities": ["read"]}}}';

const ENTITIES = [...ACCESS_ENTITIES, ...AUDIT_ENTITIES, ...PRINCIPALS_ENTITIES];
const UNTIL_MS = 15_000;

/** Tokens and policies on a database of a test file's own: none but a root token when a test begins. */
export class AccessRoom {
  logs: LogCapture = captureLogs();
  readonly #open: AccessProcess[] = [];
  #test: TestDatabase | undefined;
  #keyring: Keyring | undefined;
  #root: SecretValue | undefined;

  /** Made before the tests of the file, cleared before each, and gone after the last. */
  static forFile(): AccessRoom {
    const room = new AccessRoom();
    beforeAll(() => room.#make());
    beforeEach(() => room.#clear());
    afterEach(() => room.#closeProcesses());
    afterAll(() => room.test.drop());
    return room;
  }

  get test(): TestDatabase {
    return this.#test!;
  }

  get keyring(): Keyring {
    return this.#keyring!;
  }

  /** The root token of the running test. */
  get root(): SecretValue {
    return this.#root!;
  }

  /** Starts a process; it ends with the test. */
  async start(clock: Clock = systemClock): Promise<AccessProcess> {
    const { keyring, logs } = this;
    const options = { url: this.test.url, poolSize: 8, entities: ENTITIES, applicationName: 'claviger-test' };
    const dataSource = createDataSource(options);
    await dataSource.initialize();
    const database = new Database(dataSource);
    const epoch = new AccessEpoch(database, logs.logger);
    const uses = new TokenUses(database, logs.logger, clock);
    const access = new AccessService(database, keyring, epoch, new PolicyLibrary(database, epoch, clock), uses, clock);
    const audit = new AuditService(database, keyring, clock);
    const process: AccessProcess = {
      database,
      epoch,
      access,
      uses,
      tokens: new TokenService(database, new TokenRepository(database), access, epoch, keyring, audit, clock),
      policies: new PolicyService(database, new PolicyRepository(database), access, epoch, audit),
      as: async (token, address) => ({
        requestId: 'request',
        storeId: keyring.rootStoreId,
        actor: await access.authenticate(token, address),
      }),
      close: async () => {
        await epoch.onApplicationShutdown();
        await uses.onApplicationShutdown();
        await dataSource.destroy();
      },
    };
    this.#open.push(process);
    return process;
  }

  /** A context of Claviger itself. */
  system(): RequestContext {
    return systemContext({ requestId: 'start', storeId: this.keyring.rootStoreId, job: 'test.start' });
  }

  async rootToken(process: AccessProcess): Promise<SecretValue> {
    let made: SecretValue | undefined;
    await process.database.transaction(this.system(), (tx) =>
      process.tokens.createRoot(tx, async (token) => {
        made = token;
      }),
    );
    return made!;
  }

  async auditCount(): Promise<number> {
    const { rows } = await this.test.database.pool.query('select count(*)::int as count from audit_entry');
    return (rows as [{ count: number }])[0].count;
  }

  async #make(): Promise<void> {
    this.#test = await createTestDatabase(ENTITIES);
    this.#keyring = await testKeyring(this.#test.database);
  }

  async #clear(): Promise<void> {
    this.logs = captureLogs();
    await this.test.database.pool.query('delete from token');
    await this.test.database.pool.query('delete from policy');
    this.#root = await this.rootToken(await this.start());
  }

  async #closeProcesses(): Promise<void> {
    for (const each of this.#open.splice(0)) await each.close();
  }
}

export async function child(process: AccessProcess, of: SecretValue, wanted: NewToken = {}): Promise<SecretValue> {
  return (await process.tokens.create(await process.as(of), wanted)).token;
}

/** `accepted`, or the code of the refusal. */
export async function answer(process: AccessProcess, token: SecretValue): Promise<string> {
  try {
    await process.access.authenticate(token);
    return 'accepted';
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

/** Resolves when memory is believed, so that what follows is about memory and not about reading through. */
export async function becomesCurrent({ epoch }: AccessProcess): Promise<void> {
  epoch.start();
  await until(() => epoch.isCurrent());
}

/** Resolves once it is so. @throws Error when it does not become so */
export async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + UNTIL_MS;
  while (!(await isDone())) {
    if (Date.now() > deadline) throw new Error('It never came true.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Counts the statements of a name that a process sends from now on. */
export function countStatements({ database }: AccessProcess, name: string): () => number {
  let count = 0;
  const execute = database.execute.bind(database);
  database.execute = ((ctx, statement, values) => {
    if (statement.name === name) count++;
    return execute(ctx, statement, values);
  }) as typeof database.execute;
  return () => count;
}
