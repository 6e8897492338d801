import { eventually, type ApiAnswer, type ApiClient } from '@claviger/testing';
import { expect } from '@jest/globals';
import { KeyServer } from './key-server.js';
import { Stage, unique, type StageVault } from './stage.js';

/** What every secret of a walk holds. */
export const CANARY = 'walk-canary-7f3a';

/** A good request to one endpoint, on things that are there for it. */
export type EndpointCall = (caller: ApiClient) => Promise<ApiAnswer>;

/** What requests are about. Those that change or end something get their own. */
export type Ground = {
  readonly stage: Stage;
  readonly source: StageVault;
  readonly target: StageVault;
};

export type Prepare = (ground: Ground) => EndpointCall | Promise<EndpointCall>;

export const any = { ifMatch: '*' };
export const content = { value: CANARY };

export async function secret({ stage, source, target }: Ground): Promise<string> {
  const { id } = await stage.secret({ source, targets: [target], content });
  await stage.write(id, { value: `${CANARY} too` });
  await stage.inSync(id);
  return id as string;
}

export async function instance({ stage }: Ground): Promise<string> {
  const name = unique('instance');
  await stage.register('vault-instances', { name, kind: 'builtin' });
  return name;
}

export async function policy({ stage }: Ground): Promise<string> {
  const name = unique('policy');
  await stage.register('policies', { name, policy: '{"path":{"a":{"capabilities":["read"]}}}' });
  return name;
}

export async function token({ stage }: Ground): Promise<string> {
  return (await stage.api.post('/tokens', { policies: ['developer'], ttlSeconds: 60 })).body.details.accessor as string;
}

/** One at a time. */
export function noRotationUnderWay({ stage }: Ground): Promise<void> {
  return eventually(async () => {
    const { body } = await stage.api.get('/keys');
    expect((body.rotations as { key: string }[]).filter(({ key }) => key === 'kek')).toEqual([]);
  });
}

export const PASSWORD = 'correct horse battery staple';

export async function user({ stage }: Ground): Promise<string> {
  const name = unique('user');
  await stage.register('users', { name, policies: ['developer'] });
  return name;
}

export async function account({ stage }: Ground): Promise<string> {
  const name = unique('account');
  await stage.register('service-accounts', { name, policies: ['developer'] });
  return name;
}

export async function group({ stage }: Ground): Promise<string> {
  const name = unique('group');
  await stage.register('groups', { name, policies: ['developer'] });
  return name;
}

export async function issuer({ stage }: Ground): Promise<string> {
  const name = unique('issuer');
  await stage.register('login-issuers', { name, ...(await KeyServer.get()).settings, provisions: true });
  return name;
}

export async function webhook({ stage }: Ground): Promise<string> {
  const name = unique('webhook');
  await stage.register('webhooks', { name, url: 'http://127.0.0.1:9/', eventTypes: ['webhook.disabled'] });
  return name;
}

export async function mailSubscription({ stage }: Ground): Promise<string> {
  const name = unique('mail');
  await stage.register('mail-subscriptions', { name, address: 'a@b.example', eventTypes: ['webhook.disabled'] });
  return name;
}

/** An import of root that has found what belongs to no secret any more; its id. */
export async function scanned({ stage }: Ground): Promise<string> {
  const vault = await stage.vault('builtin');
  const { id: secretId } = await stage.secret({ source: vault, content });
  await stage.api.delete(`/secrets/${secretId}?retain=true`, any);
  const { id } = (await stage.api.post('/imports', { vaultProfile: vault.profile })).body;
  await eventually(async () => {
    expect((await stage.api.get(`/imports/${id}`)).body).toMatchObject({ state: 'ready', found: 1 });
  });
  return id as string;
}

/** A plan of root, of an item that changes nothing; its id. */
export async function plan(ground: Ground): Promise<string> {
  const { id: secretId } = await ground.stage.secret({ source: ground.source, content });
  const items = [{ kind: 'secret.content', secretId, content }];
  return (await ground.stage.api.post('/plans', { items })).body.id as string;
}

export const MADE = new WeakMap<Stage, Map<(ground: Ground) => Promise<string>, Promise<string>>>();

/** One for all calls on a stage, for those that change nothing about it. */
export const once =
  (make: (ground: Ground) => Promise<string>) =>
  (ground: Ground): Promise<string> => {
    const made = MADE.get(ground.stage) ?? new Map<typeof make, Promise<string>>();
    MADE.set(ground.stage, made);
    const found = made.get(make) ?? make(ground);
    made.set(make, found);
    return found;
  };

/** A report that is drawn. */
export const report = once(async ({ stage }) => {
  const { id } = await stage.register('reports', { kind: 'inventory', formats: ['json'] });
  return (await stage.drawn(id as string)).id as string;
});

/** A schedule of a user: a root token can own none. */
export async function schedule({ stage }: Ground): Promise<string> {
  const name = unique('schedule');
  const owner = await stage.userWith('admin');
  await owner.post('/report-schedules', { name, kind: 'inventory', cadence: 'daily', hour: 6 });
  return name;
}

/** A call about a subject of an issuer and whom it stands for, or will. */
export const onLink =
  (isThere: boolean, call: (caller: ApiClient, path: string) => Promise<ApiAnswer>): Prepare =>
  async (ground) => {
    const path = `/login-issuers/${await issuer(ground)}/links/${await user(ground)}`;
    if (isThere) await ground.stage.api.put(path, { subject: 'x' });
    return (caller) => call(caller, path);
  };

/** A call about something of its own, by its name. */
export const on =
  (make: (ground: Ground) => Promise<string>, call: (caller: ApiClient, name: string) => Promise<ApiAnswer>): Prepare =>
  async (ground) => {
    const name = await make(ground);
    return (caller) => call(caller, name);
  };

/** A call about a group and one who is in it, or will be. */
export const onMember =
  (call: (caller: ApiClient, path: string) => Promise<ApiAnswer>): Prepare =>
  async (ground) => {
    const path = `/groups/${await group(ground)}/members/${await user(ground)}`;
    return (caller) => call(caller, path);
  };

export async function change({ stage, source }: Ground): Promise<string> {
  const { id } = await stage.secret({ source });
  return (await stage.api.get(`/changes?secret=${id}`)).body.items[0].id as string;
}

/** A vault profile of the stage with an approval profile of the same name, and two users who vote there. */
export async function gatedProfile({ stage }: Ground): Promise<string> {
  const { profile: name } = await stage.vault('builtin');
  const group = unique('voters');
  await stage.register('groups', { name: group, policies: ['approver'] });
  for (const voter of [unique('voter'), unique('voter')]) {
    await stage.register('users', { name: voter });
    await stage.api.put(`/groups/${group}/members/${voter}`, undefined);
  }
  const kinds = ['create', 'content-read'];
  await stage.register('approval-profiles', { name, kinds, steps: [{ groups: [group], votes: 1 }] });
  await stage.api.patch(`/vault-profiles/${name}`, { approvalProfile: name }, any);
  return name;
}

/** A creation that waits for approval; its id. */
export async function approval(ground: Ground): Promise<string> {
  const sourceProfile = await gatedProfile(ground);
  const body = { name: unique('new'), type: 'key-value', content, sourceProfile };
  return (await ground.stage.api.post('/secrets', body)).body.change.id as string;
}

/** A compliance profile without a rule that blocks, of a vault profile of its own. */
export async function complianceProfile({ stage }: Ground): Promise<string> {
  const name = unique('rules');
  const { profile } = await stage.vault('builtin');
  const rules = [{ pack: 'lifecycle', rule: 'no-owner' }];
  await stage.register('compliance-profiles', { name, rules, vaultProfiles: [profile] });
  return name;
}

/** What asks for a waiver of a rule for a secret. */
export async function waiverRequest(ground: Ground): Promise<object> {
  const id = await secret(ground);
  const name = unique('rules');
  const rules = [{ pack: 'lifecycle', rule: 'no-owner' }];
  await ground.stage.register('compliance-profiles', { name, rules, vaultProfiles: [ground.source.profile] });
  const until = new Date(Date.now() + 86_400_000).toISOString();
  return { secret: id, profile: name, rule: 'no-owner', reason: 'soon', until };
}

export async function waiver(ground: Ground): Promise<string> {
  const answer = await ground.stage.api.post('/compliance/waivers', await waiverRequest(ground));
  return answer.body.change.result.waiverId as string;
}

export const REPLAY = { rules: [{ pack: 'keys' }], labelSelectors: [{}], moments: ['2026-01-01T00:00:00Z'] };

export const onSecret =
  (call: (caller: ApiClient, path: string, ground: Ground) => Promise<ApiAnswer>): Prepare =>
  async (ground) => {
    const path = `/secrets/${await secret(ground)}`;
    return (caller) => call(caller, path, ground);
  };
