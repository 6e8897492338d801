import { mkdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrateAll } from '@claviger/composition';
import { RootKey } from '@claviger/platform/crypto';
import {
  ApiClient,
  eventually,
  startNetworkPostgres,
  startRedis,
  type ApiAnswer,
  type NetworkPostgresPeer,
  type RedisPeer,
} from '@claviger/testing';
import { COMMANDS, ProgramYard, repository, type StartedProgram } from './started-program.js';

/** Longer than the balancer needs to notice, also on a machine that is busy. */
const DRAIN_SECONDS = 3;
const LOOK_EVERY_MS = 50;

/** The processes of a production installation, in its own shape: each a program that can be killed, over PostgreSQL and Redis. */
export class ProcessCluster {
  readonly #yard = new ProgramYard();
  readonly apis: RunningProcess[] = [];
  readonly workers: RunningProcess[] = [];
  rootToken = '';

  private constructor(
    readonly database: NetworkPostgresPeer,
    private redis: RedisPeer,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Two apis and two workers. */
  static async start(): Promise<ProcessCluster> {
    const [database, redis] = await Promise.all([startNetworkPostgres(), startRedis()]);
    await migrateAll(database.url, redis.url);
    const cluster = new ProcessCluster(database, redis, {
      CLAVIGER_DATABASE_URL: database.url,
      CLAVIGER_REDIS_URL: redis.url,
      CLAVIGER_ROOT_KEY: RootKey.generateText().reveal(),
      CLAVIGER_DRAIN_SECONDS: String(DRAIN_SECONDS),
      CLAVIGER_LOG_LEVEL: 'error',
    });
    await cluster.#makeRootToken();
    for (let i = 0; i < 2; i += 1) {
      cluster.apis.push(new RunningProcess('api', await freePort(), (port) => cluster.#program('api', port)));
      cluster.workers.push(new RunningProcess('worker', 0, (port) => cluster.#program('worker', port)));
    }
    await Promise.all([...cluster.apis, ...cluster.workers].map((each) => each.start()));
    return cluster;
  }

  /** A command of Claviger, run to its end. */
  async command(...argv: readonly string[]): Promise<StartedProgram> {
    const program = this.#program('cli', 0, argv);
    await program.exit();
    return program;
  }

  async killRedis(): Promise<void> {
    await this.redis.stop('SIGKILL');
    this.redis = await startRedis(Number(new URL(this.redis.url).port));
  }

  async stop(): Promise<void> {
    await this.#yard.stopAll();
    this.#yard.remove();
    await Promise.all([this.redis.stop(), this.database.stop()]);
  }

  #program(app: 'api' | 'worker' | 'cli', port: number, argv: readonly string[] = []): StartedProgram {
    const dataDir = join(this.#yard.root, 'data');
    mkdirSync(dataDir, { recursive: true });
    const main = app === 'cli' ? COMMANDS : join(repository, `dist/apps/${app}/src/main.js`);
    const command = [process.execPath, main, ...argv] as const;
    const anchors = { CLAVIGER_AUDIT_ANCHOR_FILE: join(dataDir, 'audit-anchors') };
    return this.#yard.start(dataDir, { command, env: { ...this.env, ...anchors, CLAVIGER_PORT: String(port) } });
  }

  async #makeRootToken(): Promise<void> {
    const program = await this.command('access', 'recover');
    if (!program.stdout.includes('root token')) throw new Error(`${program.stdout}${program.stderr}`);
    this.rootToken = program.rootToken;
  }
}

/** A process that is started again after its end, on the same port. */
export class RunningProcess {
  program!: StartedProgram;

  constructor(
    readonly kind: 'api' | 'worker',
    private readonly port: number,
    private readonly make: (port: number) => StartedProgram,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once an api is ready; a worker says nothing of that. */
  async start(): Promise<void> {
    this.program = this.make(this.port);
    if (this.kind === 'api')
      await eventually(async () => {
        if (!(await fetch(`${this.url}/readyz`)).ok) throw new Error('not ready');
      }, 60_000);
  }

  /** Ends it so, and starts it again. */
  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    const exit = await this.program.end(signal);
    await this.start();
    return exit;
  }
}

/** Gives requests to the apis in turn, and leaves out those whose `/readyz` says anything but yes, as a proxy does. */
export class Balancer {
  readonly #isOver = new AbortController();
  readonly #clients: readonly ApiClient[];
  readonly #ready: Set<ApiClient>;
  readonly #looking: Promise<unknown>;
  #next = 0;

  constructor(apis: readonly RunningProcess[], token: string) {
    this.#clients = apis.map(({ url }) => new ApiClient(url, token));
    this.#ready = new Set(this.#clients);
    this.#looking = Promise.all(this.#clients.map((client) => this.#look(client)));
  }

  /** @throws Error when the request got no answer */
  send(request: (api: ApiClient) => Promise<ApiAnswer>): Promise<ApiAnswer> {
    const ready = this.#clients.filter((client) => this.#ready.has(client));
    const chosen = (ready.length > 0 ? ready : this.#clients)[
      (this.#next += 1) % (ready.length || this.#clients.length)
    ];
    return request(chosen!);
  }

  async stop(): Promise<void> {
    this.#isOver.abort();
    await this.#looking;
  }

  async #look(client: ApiClient): Promise<void> {
    while (!this.#isOver.signal.aborted) {
      const isReady = await fetch(`${client.url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) this.#ready.add(client);
      else this.#ready.delete(client);
      await sleep(LOOK_EVERY_MS);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
