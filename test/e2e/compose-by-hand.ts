import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  ApiClient,
  eventually,
  findOpenBao,
  findRedisServer,
  loopbackNetwork,
  openBaoApi,
  startNetworkPostgres,
  type AnswerObserver,
  type NetworkPostgresPeer,
  type OpenBaoPeer,
} from '@claviger/testing';
import type { JobDefinition } from '@claviger/platform/queue';
import { Queue } from 'bullmq';
import { Client } from 'pg';
import { toQueuedJob } from '../../libs/platform/src/queue/queued-job.js';
import { readComposeFile, type ComposeService } from './compose-file.js';

/** Programs that images bring, by their name in a command. */
const PROGRAMS: Readonly<Record<string, () => string | undefined>> = {
  node: () => process.execPath,
  'redis-server': findRedisServer,
  server: findOpenBao,
};

type Running = { readonly name: string; readonly child: ChildProcess };

/**
 * The services of docker-compose.yml as processes of this machine, where there is no container engine: the same commands, the
 * same environment and the same files, each on a loopback address of its own under the ports that the file names. What a
 * container would see under a path or a name is put in as a path or an address.
 */
export class ComposeByHand {
  readonly file = readComposeFile();
  readonly #network = loopbackNetwork();
  readonly #directory = mkdtempSync(join(tmpdir(), 'claviger-compose-'));
  readonly #running: Running[] = [];
  #postgres: NetworkPostgresPeer | undefined;
  #proxy: Server | undefined;
  /** What the proxy was asked for by service. */
  readonly asked = new Map<string, number>();
  output = '';

  /** The address of a service. */
  host(name: string): string {
    return `${this.#network}.${Object.keys(this.file.services).indexOf(name) + 10}`;
  }

  /** Starts everything in the order that the file asks for. */
  async up(): Promise<void> {
    try {
      await this.#up();
    } catch (error) {
      await this.down();
      throw error;
    }
  }

  async #up(): Promise<void> {
    await this.#makeSecrets();
    this.#postgres = await startNetworkPostgres({ network: this.#network, host: this.host('postgres') });
    await this.#setPassword();
    for (const name of ['redis', 'openbao']) this.#start(name);
    await eventually(() => this.#run('migrate'));
    for (const name of ['api-1', 'api-2', 'worker-1', 'worker-2']) this.#start(name);
    for (const name of ['api-1', 'api-2', 'worker-1', 'worker-2']) {
      // Asked by the script of the image once only: it is a program of its own, and they are all starting.
      await eventually(() => this.#assertReady(name), 120_000);
      await this.healthCheck(name);
    }
    await this.#startProxy();
  }

  async #assertReady(name: string): Promise<void> {
    const { status } = await fetch(`http://${this.host(name)}:9200/readyz`);
    if (status !== 200) throw new Error(`${name} is not ready (${status}).`);
  }

  /** Ends with 0 when the service is healthy, by the script that the image runs. */
  async healthCheck(name: string): Promise<void> {
    const env = this.environment(name);
    await ended(
      spawn(process.execPath, ['deploy/health-check.mjs'], { env: { ...env, CLAVIGER_METRICS_HOST: this.host(name) } }),
    );
  }

  /** Runs one of the command line's commands, as `docker compose run --rm command …` does, and returns what it said. */
  command(...argv: readonly string[]): Promise<string> {
    return this.#run('command', argv);
  }

  /** Makes the first root token, and returns it. */
  async makeRootToken(): Promise<string> {
    await this.command('access', 'recover');
    return readFileSync(join(this.#volume('operator'), 'root-token'), 'utf8').trim();
  }

  /** Initialises the OpenBao, which unseals itself. */
  async openBao(): Promise<OpenBaoPeer> {
    const address = `http://${this.host('openbao')}:8300`;
    const made = await eventually(async () => {
      const body = JSON.stringify({ recovery_shares: 1, recovery_threshold: 1 });
      const answer = await fetch(`${address}/v1/sys/init`, { method: 'PUT', body });
      if (!answer.ok) throw new Error(`OpenBao answered ${answer.status}.`);
      return (await answer.json()) as { root_token: string };
    });
    const api = openBaoApi(address, made.root_token);
    await eventually(async () => {
      if (!(await fetch(`${address}/v1/sys/health`)).ok) throw new Error('OpenBao is not active.');
    });
    return { address, rootToken: made.root_token, unsealKey: '', pid: 0, ...api, close: () => Promise.resolve() };
  }

  /** Clients with that token: at the proxy, and at each api past it. */
  connect(token: string, onAnswer?: AnswerObserver): { readonly api: ApiClient; readonly apis: readonly ApiClient[] } {
    const { port } = this.#proxy!.address() as AddressInfo;
    return {
      api: new ApiClient(`http://${this.host('proxy')}:${port}`, token, onAnswer),
      apis: ['api-1', 'api-2'].map((name) => new ApiClient(`http://${this.host(name)}:8200`, token, onAnswer)),
    };
  }

  /** One statement on the database. */
  async query(statement: string, connectionString = this.#secret('database-url')): Promise<unknown> {
    const client = new Client({ connectionString });
    await client.connect();
    try {
      return await client.query(statement);
    } finally {
      await client.end();
    }
  }

  /** Asks for a job through Redis, as a schedule would. */
  async runJob(definition: JobDefinition<object>): Promise<void> {
    const job = toQueuedJob({ definition, payload: {}, options: {}, onlyIfIdle: true });
    const { hostname: host, password } = new URL(this.#secret('redis-url'));
    const queue = new Queue(job.queue, { prefix: 'claviger', connection: { host, password } });
    try {
      await queue.add(job.name, job.data, job.opts);
    } finally {
      await queue.close();
    }
  }

  /** Metrics of a service, as Prometheus asks for them. */
  async metrics(name: string): Promise<string> {
    return (await fetch(`http://${this.host(name)}:9200/metrics`)).text();
  }

  /** Stops everything, Claviger first, and tells which of Claviger's own processes did not end well. */
  async down(): Promise<string[]> {
    this.#proxy?.closeAllConnections();
    this.#proxy?.close();
    const badly: string[] = [];
    const stop = async ({ name, child }: Running): Promise<void> => {
      child.kill('SIGTERM');
      const code = child.exitCode ?? ((await once(child, 'exit')) as [number | null])[0];
      if (isOwn(name) && code !== 0) badly.push(`${name} ended with ${code}`);
    };
    const running = this.#running.splice(0);
    await Promise.all(running.filter(({ name }) => isOwn(name)).map(stop));
    await Promise.all(running.filter(({ name }) => !isOwn(name)).map(stop));
    await this.#postgres?.stop();
    rmSync(this.#directory, { recursive: true, force: true });
    return badly;
  }

  /** A service's environment, for a process of this machine. */
  environment(name: string): Record<string, string> {
    const own = Object.entries(this.#service(name).environment ?? {});
    return Object.fromEntries([
      ['PATH', process.env['PATH'] ?? ''],
      ['HOME', this.#directory],
      ...own.map(([key, value]) => [key, this.#local(name, value)]),
    ]) as Record<string, string>;
  }

  #service(name: string): ComposeService {
    return this.file.services[name]!;
  }

  #start(name: string): void {
    const child = this.#spawn(name, []);
    child.stdout!.on('data', (text) => (this.output += String(text)));
    child.stderr!.on('data', (text) => (this.output += String(text)));
    this.#running.push({ name, child });
  }

  #run(name: string, more: readonly string[] = []): Promise<string> {
    return ended(this.#spawn(name, more));
  }

  #spawn(name: string, more: readonly string[]): ChildProcess {
    const { entrypoint = [], command = [] } = this.#service(name);
    const [first = '', ...rest] = [...entrypoint, ...command, ...more];
    const program = PROGRAMS[first]?.();
    if (!program) throw new Error(`There is no program for ${name}.`);
    const args = (first === 'server' ? [first, ...rest] : rest).map((word) => this.#local(name, word));
    if (first === 'redis-server') args.push('--bind', this.host(name), '--dir', this.#directory);
    const child = spawn(program, args, { env: this.environment(name), stdio: ['ignore', 'pipe', 'pipe'] });
    const killWithUs = (): boolean => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    child.once('exit', () => process.off('exit', killWithUs));
    return child;
  }

  /** A text with the paths and names of a container in it, with those of this machine. */
  #local(name: string, text: string): string {
    let local = text;
    for (const mount of this.#service(name).volumes ?? []) {
      const [source = '', target = ''] = mount.split(':');
      if (local.includes(target))
        local = local.replaceAll(target, source.startsWith('./') ? this.#copy(name, source) : this.#volume(source));
    }
    return this.#reachable(name, local);
  }

  /** A text with addresses and paths of secrets as they are here. */
  #reachable(name: string, text: string): string {
    let local = text.replaceAll('/run/secrets/', `${join(this.#directory, 'secrets')}/`);
    for (const service of Object.keys(this.file.services))
      local = local.replace(new RegExp(`(?<=@|//|:)${service}(?=:\\d)`, 'g'), this.host(service));
    return local.replaceAll('0.0.0.0', this.host(name)).replaceAll('172.16.0.0/12', '127.0.0.0/8');
  }

  /** A mounted file, with what it says put in as well. */
  #copy(name: string, source: string): string {
    const path = join(this.#directory, basename(source));
    const text = readFileSync(source, 'utf8').replaceAll('/openbao/data', this.#volume('openbao'));
    writeFileSync(path, this.#reachable(name, text));
    return path;
  }

  #volume(name: string): string {
    const path = join(this.#directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  async #makeSecrets(): Promise<void> {
    const secrets = join(this.#directory, 'secrets');
    await ended(spawn(process.execPath, ['deploy/make-secrets.mjs', secrets]));
    for (const name of readdirSync(secrets)) {
      const path = join(secrets, name);
      const text = readFileSync(path, 'utf8');
      rmSync(path);
      writeFileSync(path, this.#reachable('migrate', text));
    }
  }

  #secret(name: string): string {
    return readFileSync(join(this.#directory, 'secrets', name), 'utf8').trim();
  }

  async #setPassword(): Promise<void> {
    await this.query(`alter role claviger password '${this.#secret('postgres-password')}'`, this.#postgres!.url);
  }

  /** In the place of the proxy: takes turns among the servers that its configuration names. */
  async #startProxy(): Promise<void> {
    const configuration = readFileSync('deploy/haproxy/haproxy.cfg', 'utf8');
    const servers = [...configuration.matchAll(/^\s+server (\S+) (\S+):(\d+)$/gm)];
    let turn = 0;
    this.#proxy = createServer((from, answer) => {
      const [, name = '', host = '', port = ''] = servers[(turn += 1) % servers.length]!;
      this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
      const headers = { ...from.headers, 'x-forwarded-for': '192.0.2.7' };
      const onward = request({ host: this.host(host), port, method: from.method, path: from.url, headers }, (back) => {
        answer.writeHead(back.statusCode ?? 502, back.headers);
        back.pipe(answer);
      });
      onward.once('error', () => answer.destroy());
      from.pipe(onward);
    });
    this.#proxy.listen(0, this.host('proxy'));
    await once(this.#proxy, 'listening');
  }
}

const isOwn = (name: string): boolean => /^(api|worker)/.test(name);

/** What it said. @throws Error when it ended with anything but 0 */
async function ended(child: ChildProcess): Promise<string> {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`It ended with ${code}: ${text}`);
  return text;
}
