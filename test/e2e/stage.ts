import {
  eventually,
  findMoto,
  findOpenBao,
  startMoto,
  startOpenBao,
  type AnswerObserver,
  type ApiClient,
  type JsonBody,
  type MotoPeer,
  type OpenBaoPeer,
} from '@claviger/testing';
import { VERIFY_TARGETS } from '@claviger/features/replication';
import type { JobDefinition } from '@claviger/platform/queue';
import { expect } from '@jest/globals';
import { startApp, startCluster, type AppOptions, type TestApp } from '../../libs/testing/src/app-harness.js';
import { ApiJudge } from './api-judge.js';
import { AwsMount, BuiltinMount, KvMount, type VaultKindName, type VaultMount } from './vault-mounts.js';

/** True where the tests that need a real OpenBao can run. */
export const hasOpenBao = findOpenBao() !== undefined;

/** True where the tests that need an emulated AWS can run. */
export const hasMoto = findMoto() !== undefined;

/** A vault profile with the mount behind it, which tests also reach past Claviger. */
export type StageVault = VaultMount & { readonly profile: string };

/** What a test asks of a new secret; the rest has defaults. */
export type SecretRequest = {
  readonly name?: string;
  readonly source: StageVault;
  readonly targets?: readonly StageVault[];
  readonly content?: unknown;
  readonly [field: string]: unknown;
};

/** Claviger as it was started by somebody else. */
export type RunningClaviger = {
  /** Clients with a root token: the first as callers reach it, the others each at an api process of its own. */
  connect(onAnswer: AnswerObserver): { readonly api: ApiClient; readonly apis: readonly ApiClient[] };
  /** One statement on its database. */
  query(statement: string): Promise<unknown>;
  /** Asks for a job to be run soon, as its schedule would. */
  runJob(job: JobDefinition<object>): Promise<void>;
  close(): Promise<void>;
};

let counter = 0;

/** A name that no other test uses. */
export const unique = (stem: string): string => `${stem}-${(counter += 1)}`;

/**
 * Claviger with a real OpenBao beside it, where there is one; both are the test file's own. Closing it fails when any
 * answer on it was not as the API describes it.
 */
export class Stage {
  private constructor(
    readonly app: TestApp,
    readonly bao: OpenBaoPeer | undefined,
    private readonly judge: ApiJudge,
    private readonly ground: Pick<RunningClaviger, 'query' | 'runJob'>,
    readonly moto?: MotoPeer,
  ) {}

  /**
   * With an OpenBao unless `bao` is false or there is none, with an emulated AWS if `moto` is true, and with two apis if
   * `cluster` is.
   */
  static async open(
    options: AppOptions & { readonly bao?: boolean; readonly moto?: boolean; readonly cluster?: boolean } = {},
  ): Promise<Stage> {
    const wantsBao = options.bao !== false && hasOpenBao;
    const judge = new ApiJudge();
    const starting = (options.cluster ? startCluster : startApp)({
      ...options,
      onAnswer: (request, answer) => judge.hear(request, answer),
    });
    const [app, bao, moto] = await Promise.all([
      starting,
      wantsBao ? startOpenBao() : undefined,
      options.moto ? startMoto() : undefined,
    ]);
    const ground = {
      query: (statement: string) => app.database.dataSource.query(statement),
      runJob: async (job: JobDefinition<object>) => app.runJob(job),
    };
    const stage = new Stage(app, bao, judge, ground, moto);
    await stage.#registerInstances();
    if (moto) {
      const config = { region: moto.region, endpoint: moto.address, stsEndpoint: moto.address };
      const credentials = { type: 'static', accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'any' };
      await stage.register('vault-instances', { name: 'aws', kind: 'aws-secrets-manager', config, credentials });
    }
    return stage;
  }

  /**
   * A stage over processes that run already: what reaches into a process (the built-in vault past its API, logs) is not
   * there.
   */
  static async over(running: RunningClaviger, bao: OpenBaoPeer): Promise<Stage> {
    const judge = new ApiJudge();
    const clients = running.connect((request, answer) => judge.hear(request, answer));
    const app = { ...clients, close: () => running.close() } as unknown as TestApp;
    const stage = new Stage(app, bao, judge, running);
    await stage.#registerInstances();
    return stage;
  }

  async #registerInstances(): Promise<void> {
    await this.register('vault-instances', { name: 'inside', kind: 'builtin' });
    if (!this.bao) return;
    const body = { name: 'openbao', kind: 'kv', config: { address: this.bao.address } };
    await this.register('vault-instances', { ...body, credentials: { type: 'token', token: this.bao.rootToken } });
  }

  get api(): ApiClient {
    return this.app.api;
  }

  /** The same token at each api process. */
  everywhere({ token }: ApiClient): readonly ApiClient[] {
    return this.app.apis.map((api) => api.as(token));
  }

  /** Makes the scheduled verification of targets due, for all of them, and has it run. */
  async verifyTargets(): Promise<void> {
    await this.ground.query(`update sync_target set next_verify_at = now()`);
    await this.ground.runJob(VERIFY_TARGETS);
  }

  /** Creates an instance or a profile and returns it. */
  async register(resource: string, body: object): Promise<JsonBody> {
    const answer = await this.api.post(`/${resource}`, body);
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
    return answer.body;
  }

  /** Makes a mount of that kind and registers a profile on it. */
  async vault(kind: VaultKindName, profile = unique(kind), more: object = {}): Promise<StageVault> {
    const mount = await this.#mount(kind, profile);
    const instance = { builtin: 'inside', aws: 'aws', kv1: 'openbao', kv2: 'openbao' }[kind];
    const { id } = await this.register('vault-profiles', { name: profile, instance, mount: profile, ...more });
    return Object.assign(mount, { profile, profileId: id as string });
  }

  async #mount(kind: VaultKindName, profile: string): Promise<VaultMount> {
    if (kind === 'builtin') return new BuiltinMount(this.app, profile);
    return kind === 'aws' ? new AwsMount(this.moto!, profile) : KvMount.make(this.bao!, profile, kind);
  }

  /** Creates a secret and returns it as the API shows it. */
  async secret({ name = unique('secret'), source, targets = [], ...more }: SecretRequest): Promise<JsonBody> {
    const answer = await this.api.post('/secrets', {
      name,
      type: 'key-value',
      ...('generate' in more ? {} : { content: { value: 'one' } }),
      ...more,
      sourceProfile: source.profile,
      syncProfiles: targets.map(({ profile }) => profile),
    });
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
    return answer.body.secret;
  }

  /** Writes content over whatever version is current; the new version's number. */
  async write(id: string, content: object): Promise<number> {
    const answer = await this.api.put(`/secrets/${id}/content`, { content }, { ifMatch: '*' });
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
    return answer.body.version as number;
  }

  /** The content that the API answers, of the current version unless another is named. */
  async content(id: string, version?: number): Promise<JsonBody> {
    const answer = await this.api.get(`/secrets/${id}/content${version === undefined ? '' : `?version=${version}`}`);
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
    return answer.body.content;
  }

  /** The secret as the API shows it. */
  async show(id: string): Promise<JsonBody> {
    return (await this.api.get(`/secrets/${id}`)).body;
  }

  /** Where the secret is replicated to. */
  async targets(id: string): Promise<JsonBody[]> {
    return (await this.api.get(`/secrets/${id}/targets`)).body.items as JsonBody[];
  }

  /** Resolves once every target of the secret is in sync with its current version. */
  async inSync(id: string): Promise<void> {
    await eventually(async () => {
      const { currentVersion } = await this.show(id);
      for (const target of await this.targets(id))
        expect(target).toMatchObject({ status: 'in_sync', observed: { version: currentVersion } });
    });
  }

  /** Resolves with the target once it has this status. */
  targetBecomes(id: string, status: string): Promise<JsonBody> {
    return eventually(async () => {
      const [target] = await this.targets(id);
      expect(target).toMatchObject({ status });
      return target;
    });
  }

  /** Resolves once the secret has this state. */
  async becomes(id: string, state: string): Promise<JsonBody> {
    return eventually(async () => {
      const secret = await this.show(id);
      expect(secret).toMatchObject({ state });
      return secret;
    });
  }

  /** Resolves with the report once it is drawn. */
  drawn(id: string): Promise<JsonBody> {
    return eventually(async () => {
      const { body } = await this.api.get(`/reports/${id}`);
      expect(body).toMatchObject({ state: 'done', error: null });
      return body;
    });
  }

  /** A client with the token of a log-in of a user with these policies. */
  async userWith(...policies: readonly string[]): Promise<ApiClient> {
    const person = { name: unique('user'), password: `${unique('a right password')}!` };
    await this.register('users', { ...person, policies });
    const answer = await this.api.as(undefined).post('/login/password', person);
    expect(answer.status).toBe(200);
    return this.api.as(answer.body.token as string);
  }

  /** A client with a token of these policies, who is nobody else: its token descends from none. */
  async tokenWith(...policies: readonly string[]): Promise<ApiClient> {
    const answer = await this.api.post('/tokens', { policies, isOrphan: true });
    expect(answer.status).toBe(201);
    return this.api.as(answer.body.token as string);
  }

  /** A client whose only policy says this. */
  async allowed(path: Readonly<Record<string, readonly string[]>>): Promise<ApiClient> {
    const name = unique('policy');
    const stanzas = Object.entries(path).map(([pattern, capabilities]) => [pattern, { capabilities }]);
    await this.register('policies', { name, policy: JSON.stringify({ path: Object.fromEntries(stanzas) }) });
    return this.tokenWith(name);
  }

  async close(): Promise<void> {
    await this.app.close();
    await Promise.all([this.bao?.close(), this.moto?.close()]);
    expect([...this.judge.contradictions]).toEqual([]);
  }
}
