import type { ApiAnswer, ApiClient, JsonBody } from '@claviger/testing';
import { expect } from '@jest/globals';
import { Stage, unique } from './stage.js';

/** Capabilities by path. */
export type Grants = Readonly<Record<string, readonly string[]>>;

/** A user that can log in. */
export type Person = { readonly name: string; readonly password: string };

/** A service account that can log in. */
export type Robot = { readonly name: string; readonly clientId: string; readonly clientSecret: string };

/** Within which every process must have heard of a change. */
const WITHIN_MS = 1_000;

/** Two apis and a worker with a vault profile, and what makes people, robots and what they may do there. */
export class People {
  private constructor(
    readonly stage: Stage,
    /** Where their secrets are. */
    readonly profile: string,
  ) {}

  /** Starts a Claviger of their own, with the profile `prod`. */
  static async open(): Promise<People> {
    return People.on(await Stage.open({ bao: false, cluster: true }), 'prod');
  }

  /** Comes to a stage that may be others' as well. */
  static async on(stage: Stage, profile = unique('people')): Promise<People> {
    await stage.vault('builtin', profile);
    return new People(stage, profile);
  }

  /** With the root token. */
  get api(): ApiClient {
    return this.stage.app.apis[0]!;
  }

  /** The other process. */
  get other(): ApiClient {
    return this.stage.app.apis[1]!;
  }

  /** Creates something as root. */
  async make(resource: string, body: object): Promise<JsonBody> {
    const answer = await this.api.post(`/${resource}`, body);
    expect({ status: answer.status, body: answer.status === 201 || answer.body }).toEqual({ status: 201, body: true });
    return answer.body;
  }

  /** A policy that says this; its name. */
  async policy(grants: Grants): Promise<string> {
    const name = unique('policy');
    const path = Object.fromEntries(Object.entries(grants).map(([at, capabilities]) => [at, { capabilities }]));
    await this.make('policies', { name, policy: JSON.stringify({ path }) });
    return name;
  }

  /** A policy to read what is below a folder of the profile; its name. */
  reads(folder: string): Promise<string> {
    return this.policy({
      [`claviger/secrets/${this.profile}/${folder}/*`]: ['read', 'list'],
      [`${this.profile}/data/${folder}/*`]: ['read'],
    });
  }

  /** A secret below a folder of the profile; its id. */
  async secret(folder: string, more: object = {}): Promise<string> {
    const base = { type: 'key-value', content: { value: folder }, sourceProfile: this.profile, ...more };
    return (await this.make('secrets', { ...base, name: `${folder}/${unique('secret')}` })).secret.id as string;
  }

  /** A group with these policies; its name. */
  async group(...policies: readonly string[]): Promise<string> {
    const name = unique('group');
    await this.make('groups', { name, policies });
    return name;
  }

  /** A user with these policies. */
  async user(...policies: readonly string[]): Promise<Person> {
    const person = { name: unique('user'), password: `${unique('a right password')}!` };
    await this.make('users', { ...person, policies });
    return person;
  }

  /** A service account with these policies. */
  async robot(...policies: readonly string[]): Promise<Robot> {
    const name = unique('robot');
    await this.make('service-accounts', { name, policies });
    const { clientId, clientSecret } = await this.make(`service-accounts/${name}/credentials`, {});
    return { name, clientId, clientSecret };
  }

  /** A client whose token has these policies and is nobody's. */
  async tokenWith(...policies: readonly string[]): Promise<ApiClient> {
    return this.api.as((await this.make('tokens', { policies, isOrphan: true })).token as string);
  }

  /** A client with the token of a log-in. */
  async logIn(who: Person | Robot): Promise<ApiClient> {
    const answer = await this.tryLogIn(who);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 200 });
    return this.api.as(answer.body.token as string);
  }

  /** What a log-in answers. */
  tryLogIn(who: Person | Robot): Promise<ApiAnswer> {
    const nobody = this.api.as(undefined);
    if ('password' in who) return nobody.post('/login/password', { name: who.name, password: who.password });
    const { clientId, clientSecret } = who;
    return nobody.post('/login/client-credential', { clientId, clientSecret });
  }

  /** The same token at each process. */
  everywhere(client: ApiClient): readonly ApiClient[] {
    return this.stage.everywhere(client);
  }

  /** Makes a change, after which each process must answer so within a second, and goes on answering so. */
  async expectAfter(change: () => Promise<ApiAnswer>, client: ApiClient, path: string, status: number): Promise<void> {
    const ask = async (): Promise<number[]> =>
      Promise.all(this.everywhere(client).map(async (at) => (await at.get(path)).status));
    expect(await ask()).not.toContain(status);
    const changed = await change();
    expect({ isDone: changed.status < 300, code: changed.body?.code }).toEqual({ isDone: true });
    const changedAt = performance.now();
    for (let isDone = false; !isDone;) {
      const askedAt = performance.now();
      const answers = await ask();
      isDone = answers.every((answer) => answer === status);
      // However slow the machine is: who asks later than that must be told.
      if (!isDone && askedAt - changedAt > WITHIN_MS) expect(answers).toEqual([status, status]);
    }
    await new Promise((resolve) => setTimeout(resolve, WITHIN_MS));
    expect(await ask()).toEqual([status, status]);
  }

  /** Fails when any answer was not as the API describes it. */
  close(): Promise<void> {
    return this.stage.close();
  }
}
