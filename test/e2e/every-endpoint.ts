import type { ApiAnswer, ApiClient } from '@claviger/testing';
import {
  PASSWORD,
  REPLAY,
  account,
  any,
  approval,
  change,
  complianceProfile,
  content,
  gatedProfile,
  group,
  instance,
  issuer,
  mailSubscription,
  noRotationUnderWay,
  on,
  onLink,
  onMember,
  onSecret,
  once,
  plan,
  policy,
  report,
  scanned,
  schedule,
  token,
  user,
  waiver,
  waiverRequest,
  webhook,
  type Ground,
  type Prepare,
} from './endpoint-ground.js';
import { KeyServer } from './key-server.js';
import { unique } from './stage.js';

/** Every endpoint below /api/v1, by its method and address. */
export const ENDPOINT_CALLS: Readonly<Record<string, Prepare>> = {
  'GET /api/v1/whoami': () => (caller) => caller.get('/whoami'),
  'GET /api/v1/audit-entries': () => (caller) => caller.get('/audit-entries'),
  'GET /api/v1/vault-kinds': () => (caller) => caller.get('/vault-kinds'),
  'GET /api/v1/replication/summary': () => (caller) => caller.get('/replication/summary'),
  'POST /api/v1/replication/accept-restored-database': () => (caller) =>
    caller.post('/replication/accept-restored-database'),

  'GET /api/v1/delete-fuse': () => (caller) => caller.get('/delete-fuse'),
  'POST /api/v1/delete-fuse/lift': () => (caller) =>
    caller.post('/delete-fuse/lift', { seconds: 60, reason: 'a test' }),

  'GET /api/v1/keys': () => (caller) => caller.get('/keys'),
  'GET /api/v1/keys/rotations': () => (caller) => caller.get('/keys/rotations'),
  'GET /api/v1/keys/rotations/:id': async (ground) => {
    await noRotationUnderWay(ground);
    const { body } = await ground.stage.api.post('/keys/rotations', { key: 'kek' });
    return (caller) => caller.get(`/keys/rotations/${body.id as string}`);
  },
  'POST /api/v1/keys/rotations': async (ground) => {
    await noRotationUnderWay(ground);
    return (caller) => caller.post('/keys/rotations', { key: 'kek' });
  },

  'GET /api/v1/changes': () => (caller) => caller.get('/changes'),
  'GET /api/v1/changes/:id': async (ground) => {
    const id = await change(ground);
    return (caller) => caller.get(`/changes/${id}`);
  },
  'POST /api/v1/changes/:id/cancel': async (ground) => {
    const id = await change(ground);
    return (caller) => caller.post(`/changes/${id}/cancel`);
  },
  'POST /api/v1/changes/:id/retry': async (ground) => {
    const id = await change(ground);
    return (caller) => caller.post(`/changes/${id}/retry`);
  },

  'GET /api/v1/imports': () => (caller) => caller.get('/imports'),
  'POST /api/v1/imports':
    ({ source }) =>
    (caller) =>
      caller.post('/imports', { vaultProfile: source.profile, limit: 1 }),
  'GET /api/v1/imports/:id': on(once(scanned), (caller, id) => caller.get(`/imports/${id}`)),
  'GET /api/v1/imports/:id/items': on(once(scanned), (caller, id) => caller.get(`/imports/${id}/items`)),
  'POST /api/v1/imports/:id/adopt': on(once(scanned), (caller, id) =>
    caller.post(`/imports/${id}/adopt`, { items: [{ number: 1, type: 'key-value' }] }),
  ),
  'DELETE /api/v1/imports/:id': on(scanned, (caller, id) => caller.delete(`/imports/${id}`)),

  'GET /api/v1/plans': () => (caller) => caller.get('/plans'),
  'POST /api/v1/plans': async (ground) => {
    const { id: secretId } = await ground.stage.secret({ source: ground.source });
    return (caller) => caller.post('/plans', { items: [{ kind: 'secret.content', secretId, content }] });
  },
  'GET /api/v1/plans/:id': on(once(plan), (caller, id) => caller.get(`/plans/${id}`)),
  'GET /api/v1/plans/:id/items': on(once(plan), (caller, id) => caller.get(`/plans/${id}/items`)),
  'POST /api/v1/plans/:id/apply': on(plan, (caller, id) => caller.post(`/plans/${id}/apply`)),
  'DELETE /api/v1/plans/:id': on(plan, (caller, id) => caller.delete(`/plans/${id}`)),

  'GET /api/v1/policies': () => (caller) => caller.get('/policies'),
  'POST /api/v1/policies': () => (caller) => caller.post('/policies', { name: unique('new'), policy: '{"path":{}}' }),
  'GET /api/v1/policies/:name': async (ground) => {
    const name = await policy(ground);
    return (caller) => caller.get(`/policies/${name}`);
  },
  'PUT /api/v1/policies/:name': async (ground) => {
    const name = await policy(ground);
    return (caller) => caller.put(`/policies/${name}`, { policy: '{"path":{}}' }, any);
  },
  'DELETE /api/v1/policies/:name': async (ground) => {
    const name = await policy(ground);
    return (caller) => caller.delete(`/policies/${name}`, any);
  },

  'GET /api/v1/tokens': () => (caller) => caller.get('/tokens'),
  'POST /api/v1/tokens': () => (caller) => caller.post('/tokens', { ttlSeconds: 60 }),
  'GET /api/v1/tokens/:accessor': async (ground) => {
    const accessor = await token(ground);
    return (caller) => caller.get(`/tokens/${accessor}`);
  },
  'POST /api/v1/tokens/:accessor/renew': async (ground) => {
    const accessor = await token(ground);
    return (caller) => caller.post(`/tokens/${accessor}/renew`);
  },
  'DELETE /api/v1/tokens/:accessor': async (ground) => {
    const accessor = await token(ground);
    return (caller) => caller.delete(`/tokens/${accessor}`);
  },

  'GET /api/v1/users': () => (caller) => caller.get('/users'),
  'POST /api/v1/users': () => (caller) => caller.post('/users', { name: unique('new') }),
  'GET /api/v1/users/:name': on(user, (caller, name) => caller.get(`/users/${name}`)),
  'PATCH /api/v1/users/:name': on(user, (caller, name) => caller.patch(`/users/${name}`, { displayName: 'x' }, any)),
  'DELETE /api/v1/users/:name': on(user, (caller, name) => caller.delete(`/users/${name}`, any)),
  'PUT /api/v1/users/:name/password': on(user, (caller, name) =>
    caller.put(`/users/${name}/password`, { password: PASSWORD }),
  ),

  'GET /api/v1/service-accounts': () => (caller) => caller.get('/service-accounts'),
  'POST /api/v1/service-accounts': () => (caller) => caller.post('/service-accounts', { name: unique('new') }),
  'GET /api/v1/service-accounts/:name': on(account, (caller, name) => caller.get(`/service-accounts/${name}`)),
  'PATCH /api/v1/service-accounts/:name': on(account, (caller, name) =>
    caller.patch(`/service-accounts/${name}`, { displayName: 'x' }, any),
  ),
  'DELETE /api/v1/service-accounts/:name': on(account, (caller, name) =>
    caller.delete(`/service-accounts/${name}`, any),
  ),
  'GET /api/v1/service-accounts/:name/credentials': on(account, (caller, name) =>
    caller.get(`/service-accounts/${name}/credentials`),
  ),
  'POST /api/v1/service-accounts/:name/credentials': on(account, (caller, name) =>
    caller.post(`/service-accounts/${name}/credentials`, { label: 'x', ttlSeconds: 60 }),
  ),
  'DELETE /api/v1/service-accounts/:name/credentials/:id': async (ground) => {
    const path = `/service-accounts/${await account(ground)}/credentials`;
    const { body } = await ground.stage.api.post(path);
    return (caller) => caller.delete(`${path}/${body.details.id}`);
  },

  'GET /api/v1/groups': () => (caller) => caller.get('/groups'),
  'POST /api/v1/groups': () => (caller) => caller.post('/groups', { name: unique('new') }),
  'GET /api/v1/groups/:name': on(group, (caller, name) => caller.get(`/groups/${name}`)),
  'PATCH /api/v1/groups/:name': on(group, (caller, name) => caller.patch(`/groups/${name}`, { description: 'x' }, any)),
  'DELETE /api/v1/groups/:name': on(group, (caller, name) => caller.delete(`/groups/${name}`, any)),
  'GET /api/v1/groups/:name/members': on(group, (caller, name) => caller.get(`/groups/${name}/members`)),
  'PUT /api/v1/groups/:name/members/:member': onMember((caller, path) => caller.put(path, undefined)),
  'DELETE /api/v1/groups/:name/members/:member': onMember((caller, path) => caller.delete(path)),

  'GET /api/v1/login-issuers': () => (caller) => caller.get('/login-issuers'),
  'POST /api/v1/login-issuers': () => (caller) =>
    caller.post('/login-issuers', { name: unique('new'), issuer: 'https://id.example', audiences: ['x'] }),
  'GET /api/v1/login-issuers/:name': on(issuer, (caller, name) => caller.get(`/login-issuers/${name}`)),
  'PATCH /api/v1/login-issuers/:name': on(issuer, (caller, name) =>
    caller.patch(`/login-issuers/${name}`, { leewaySeconds: 0 }, any),
  ),
  'DELETE /api/v1/login-issuers/:name': on(issuer, (caller, name) => caller.delete(`/login-issuers/${name}`, any)),
  'GET /api/v1/login-issuers/:name/links': on(issuer, (caller, name) => caller.get(`/login-issuers/${name}/links`)),
  'PUT /api/v1/login-issuers/:name/links/:principal': onLink(false, (caller, path) =>
    caller.put(path, { subject: 'x' }),
  ),
  'DELETE /api/v1/login-issuers/:name/links/:principal': onLink(true, (caller, path) => caller.delete(path)),

  'POST /api/v1/login/jwt': async (ground) => {
    const name = await issuer(ground);
    const token = await (await KeyServer.get()).token({ sub: unique('subject') });
    return (caller) => caller.post('/login/jwt', { issuer: name, token });
  },
  'POST /api/v1/login/password': async ({ stage }) => {
    const name = unique('user');
    await stage.register('users', { name, password: PASSWORD });
    return (caller) => caller.post('/login/password', { name, password: PASSWORD });
  },
  'POST /api/v1/login/client-credential': async (ground) => {
    const { body } = await ground.stage.api.post(`/service-accounts/${await account(ground)}/credentials`);
    const { clientId, clientSecret } = body;
    return (caller) => caller.post('/login/client-credential', { clientId, clientSecret });
  },

  'GET /api/v1/webhooks': () => (caller) => caller.get('/webhooks'),
  'POST /api/v1/webhooks': () => (caller) =>
    caller.post('/webhooks', { name: unique('new'), url: 'https://hooks.example/', eventTypes: ['webhook.disabled'] }),
  'GET /api/v1/webhooks/:name': on(webhook, (caller, name) => caller.get(`/webhooks/${name}`)),
  'PATCH /api/v1/webhooks/:name': on(webhook, (caller, name) =>
    caller.patch(`/webhooks/${name}`, { description: 'x' }, any),
  ),
  'DELETE /api/v1/webhooks/:name': on(webhook, (caller, name) => caller.delete(`/webhooks/${name}`, any)),
  'POST /api/v1/webhooks/:name/rotate-secret': on(webhook, (caller, name) =>
    caller.post(`/webhooks/${name}/rotate-secret`),
  ),
  'POST /api/v1/webhooks/:name/ping': on(webhook, (caller, name) => caller.post(`/webhooks/${name}/ping`)),
  'GET /api/v1/webhooks/:name/deliveries': on(webhook, (caller, name) => caller.get(`/webhooks/${name}/deliveries`)),
  'POST /api/v1/webhooks/:name/deliveries/:id/replay': on(webhook, (caller, name) =>
    caller.post(`/webhooks/${name}/deliveries/01a1ff05-3b10-7c11-9d2e-1f2a3b4c5d6e/replay`),
  ),

  'GET /api/v1/reports': () => (caller) => caller.get('/reports'),
  'POST /api/v1/reports': () => (caller) => caller.post('/reports', { kind: 'inventory', formats: ['json'] }),
  'GET /api/v1/reports/:id': on(report, (caller, id) => caller.get(`/reports/${id}`)),
  'GET /api/v1/reports/:id/documents/:format': on(report, (caller, id) => caller.get(`/reports/${id}/documents/json`)),
  'GET /api/v1/reports/:id/documents/:format/signature': on(report, (caller, id) =>
    caller.get(`/reports/${id}/documents/json/signature`),
  ),
  'GET /api/v1/report-keys': () => (caller) => caller.get('/report-keys'),
  'GET /api/v1/report-schedules': () => (caller) => caller.get('/report-schedules'),
  'POST /api/v1/report-schedules': () => (caller) =>
    caller.post('/report-schedules', { name: unique('schedule'), kind: 'inventory', cadence: 'daily', hour: 6 }),
  'GET /api/v1/report-schedules/:name': on(schedule, (caller, name) => caller.get(`/report-schedules/${name}`)),
  'PATCH /api/v1/report-schedules/:name': on(schedule, (caller, name) =>
    caller.patch(`/report-schedules/${name}`, { isEnabled: false }, any),
  ),
  'DELETE /api/v1/report-schedules/:name': on(schedule, (caller, name) =>
    caller.delete(`/report-schedules/${name}`, any),
  ),

  'GET /api/v1/mail-subscriptions': () => (caller) => caller.get('/mail-subscriptions'),
  'POST /api/v1/mail-subscriptions': () => (caller) =>
    caller.post('/mail-subscriptions', {
      name: unique('new'),
      address: 'a@b.example',
      eventTypes: ['webhook.disabled'],
    }),
  'GET /api/v1/mail-subscriptions/:name': on(mailSubscription, (caller, name) =>
    caller.get(`/mail-subscriptions/${name}`),
  ),
  'PATCH /api/v1/mail-subscriptions/:name': on(mailSubscription, (caller, name) =>
    caller.patch(`/mail-subscriptions/${name}`, { description: 'x' }, any),
  ),
  'DELETE /api/v1/mail-subscriptions/:name': on(mailSubscription, (caller, name) =>
    caller.delete(`/mail-subscriptions/${name}`, any),
  ),
  'GET /api/v1/mail-subscriptions/:name/deliveries': on(mailSubscription, (caller, name) =>
    caller.get(`/mail-subscriptions/${name}/deliveries`),
  ),

  'GET /api/v1/approval-profiles': () => (caller) => caller.get('/approval-profiles'),
  'POST /api/v1/approval-profiles': async (ground) => {
    const profile = await gatedProfile(ground);
    const { steps } = (await ground.stage.api.get(`/approval-profiles/${profile}`)).body;
    return (caller) => caller.post('/approval-profiles', { name: unique('new'), kinds: ['content'], steps });
  },
  'GET /api/v1/approval-profiles/:name': on(gatedProfile, (caller, name) => caller.get(`/approval-profiles/${name}`)),
  'GET /api/v1/approval-profiles/:name/versions': on(gatedProfile, (caller, name) =>
    caller.get(`/approval-profiles/${name}/versions`),
  ),
  'PATCH /api/v1/approval-profiles/:name': on(gatedProfile, (caller, name) =>
    caller.patch(`/approval-profiles/${name}`, { kinds: ['content'] }, any),
  ),
  'DELETE /api/v1/approval-profiles/:name': async (ground) => {
    const { steps } = (await ground.stage.api.get(`/approval-profiles/${await gatedProfile(ground)}`)).body;
    const name = unique('new');
    await ground.stage.register('approval-profiles', { name, kinds: [], steps });
    return (caller) => caller.delete(`/approval-profiles/${name}`, any);
  },
  'GET /api/v1/approvals': () => (caller) => caller.get('/approvals'),
  'GET /api/v1/approvals/counts': () => (caller) => caller.get('/approvals/counts'),
  'GET /api/v1/approvals/:id': on(approval, (caller, id) => caller.get(`/approvals/${id}`)),
  'POST /api/v1/approvals/votes': on(approval, (caller, id) =>
    caller.post('/approvals/votes', { votes: [{ id, decision: 'approve' }] }),
  ),
  'POST /api/v1/approvals/:id/votes': on(approval, (caller, id) =>
    caller.post(`/approvals/${id}/votes`, { decision: 'approve' }),
  ),
  'POST /api/v1/approvals/:id/comments': on(approval, (caller, id) =>
    caller.post(`/approvals/${id}/comments`, { text: 'Which release is this for?' }),
  ),
  'POST /api/v1/approvals/:id/withdraw': on(approval, (caller, id) => caller.post(`/approvals/${id}/withdraw`)),
  'POST /api/v1/approvals/:id/break-glass': on(approval, (caller, id) =>
    caller.post(`/approvals/${id}/break-glass`, { reason: 'the shop is down' }),
  ),
  'POST /api/v1/approvals/:id/review': async (ground) => {
    const id = await approval(ground);
    await ground.stage.api.post(`/approvals/${id}/break-glass`, { reason: 'the shop is down' });
    return (caller) => caller.post(`/approvals/${id}/review`, { comment: 'was needed' });
  },
  'GET /api/v1/approval-delegations': () => (caller) => caller.get('/approval-delegations'),
  'POST /api/v1/approval-delegations': on(user, (caller, to) =>
    caller.post('/approval-delegations', { to, until: '2027-01-01T00:00:00Z' }),
  ),
  'DELETE /api/v1/approval-delegations/:id': () => (caller) =>
    caller.delete('/approval-delegations/01a1ff05-4211-7f3b-9c2d-0e1f2a3b4c5d'),

  'GET /api/v1/vault-instances': () => (caller) => caller.get('/vault-instances'),
  'POST /api/v1/vault-instances': () => (caller) =>
    caller.post('/vault-instances', { name: unique('new'), kind: 'builtin' }),
  'GET /api/v1/vault-instances/:id': () => (caller) => caller.get('/vault-instances/inside'),
  'PATCH /api/v1/vault-instances/:id': async (ground) => {
    const name = await instance(ground);
    return (caller) => caller.patch(`/vault-instances/${name}`, { description: 'x' }, any);
  },
  'DELETE /api/v1/vault-instances/:id': async (ground) => {
    const name = await instance(ground);
    return (caller) => caller.delete(`/vault-instances/${name}`, any);
  },
  'POST /api/v1/vault-instances/:id/check': () => (caller) => caller.post('/vault-instances/inside/check'),

  'GET /api/v1/vault-profiles': () => (caller) => caller.get('/vault-profiles'),
  'POST /api/v1/vault-profiles': () => (caller) =>
    caller.post('/vault-profiles', { name: unique('new'), instance: 'inside', mount: 'm' }),
  'GET /api/v1/vault-profiles/:id':
    ({ source }) =>
    (caller) =>
      caller.get(`/vault-profiles/${source.profile}`),
  'PATCH /api/v1/vault-profiles/:id':
    ({ source }) =>
    (caller) =>
      caller.patch(`/vault-profiles/${source.profile}`, { description: 'x' }, any),
  'DELETE /api/v1/vault-profiles/:id': async ({ stage }) => {
    const { profile } = await stage.vault('builtin');
    return (caller) => caller.delete(`/vault-profiles/${profile}`, any);
  },
  'POST /api/v1/vault-profiles/:id/check':
    ({ source }) =>
    (caller) =>
      caller.post(`/vault-profiles/${source.profile}/check`),

  'GET /api/v1/compliance-packs': () => (caller) => caller.get('/compliance-packs'),
  'GET /api/v1/compliance-facts': () => (caller) => caller.get('/compliance-facts'),
  'GET /api/v1/compliance-profiles': () => (caller) => caller.get('/compliance-profiles'),
  'POST /api/v1/compliance-profiles': () => (caller) =>
    caller.post('/compliance-profiles', { name: unique('rules'), rules: [{ pack: 'keys' }] }),
  'GET /api/v1/compliance-profiles/:name': on(complianceProfile, (caller, name) =>
    caller.get(`/compliance-profiles/${name}`),
  ),
  'GET /api/v1/compliance-profiles/:name/versions': on(complianceProfile, (caller, name) =>
    caller.get(`/compliance-profiles/${name}/versions`),
  ),
  'PATCH /api/v1/compliance-profiles/:name': on(complianceProfile, (caller, name) =>
    caller.patch(`/compliance-profiles/${name}`, { description: 'x' }, any),
  ),
  'DELETE /api/v1/compliance-profiles/:name': on(complianceProfile, (caller, name) =>
    caller.delete(`/compliance-profiles/${name}`, any),
  ),
  'GET /api/v1/compliance/results': () => (caller) => caller.get('/compliance/results?outcome=any'),
  'GET /api/v1/compliance/status': () => (caller) => caller.get('/compliance/status?by=owner'),
  'GET /api/v1/compliance/waivers': () => (caller) => caller.get('/compliance/waivers'),
  'POST /api/v1/compliance/waivers': async (ground) => {
    const body = await waiverRequest(ground);
    return (caller) => caller.post('/compliance/waivers', body);
  },
  'GET /api/v1/compliance/waivers/:id': on(waiver, (caller, id) => caller.get(`/compliance/waivers/${id}`)),
  'DELETE /api/v1/compliance/waivers/:id': on(waiver, (caller, id) => caller.delete(`/compliance/waivers/${id}`)),
  'POST /api/v1/compliance/evaluations': onSecret((caller, path) =>
    caller.post('/compliance/evaluations', { secret: path.split('/').at(-1) }),
  ),
  'GET /api/v1/compliance/evaluations/:id': async ({ stage, source }) => {
    const { id } = (await stage.api.post('/compliance/evaluations', { vaultProfile: source.profile })).body;
    return (caller) => caller.get(`/compliance/evaluations/${id}`);
  },
  'POST /api/v1/compliance/replays': () => (caller) => caller.post('/compliance/replays', REPLAY),
  'GET /api/v1/compliance/replays/:id': async ({ stage }) => {
    const { id } = (await stage.api.post('/compliance/replays', REPLAY)).body;
    return (caller) => caller.get(`/compliance/replays/${id}`);
  },

  'GET /api/v1/secrets': () => (caller) => caller.get('/secrets'),
  'POST /api/v1/secrets':
    ({ source, target }) =>
    (caller) =>
      caller.post('/secrets', {
        name: unique('new'),
        type: 'key-value',
        content,
        sourceProfile: source.profile,
        syncProfiles: [target.profile],
      }),
  'GET /api/v1/secrets/:id': onSecret((caller, path) => caller.get(path)),
  'PATCH /api/v1/secrets/:id': onSecret((caller, path) => caller.patch(path, { description: 'x' }, any)),
  'DELETE /api/v1/secrets/:id': onSecret((caller, path) => caller.delete(path, any)),
  'POST /api/v1/secrets/:id/enable': onSecret((caller, path) => caller.post(`${path}/enable`)),
  'POST /api/v1/secrets/:id/disable': onSecret((caller, path) => caller.post(`${path}/disable`)),
  'GET /api/v1/secrets/:id/content': onSecret((caller, path) => caller.get(`${path}/content`)),
  'POST /api/v1/secrets/:id/read-requests': onSecret((caller, path) => caller.post(`${path}/read-requests`)),
  'PUT /api/v1/secrets/:id/content': onSecret((caller, path) => caller.put(`${path}/content`, { content }, any)),
  'PATCH /api/v1/secrets/:id/content': onSecret((caller, path) => caller.patch(`${path}/content`, { content }, any)),
  'GET /api/v1/secrets/:id/diff': onSecret((caller, path) => caller.get(`${path}/diff?from=1&to=1`)),
  'POST /api/v1/secrets/:id/rotate': onSecret((caller, path) =>
    caller.post(`${path}/rotate`, { generate: { field: 'value' } }),
  ),
  'GET /api/v1/secrets/:id/versions': onSecret((caller, path) => caller.get(`${path}/versions`)),
  'POST /api/v1/secrets/:id/versions/:number/restore': onSecret((caller, path) =>
    caller.post(`${path}/versions/1/restore`),
  ),
  'DELETE /api/v1/secrets/:id/versions/:number': onSecret((caller, path) => caller.delete(`${path}/versions/1`, any)),
  'POST /api/v1/secrets/:id/versions/:number/undelete': onSecret((caller, path) =>
    caller.post(`${path}/versions/1/undelete`),
  ),
  'POST /api/v1/secrets/:id/versions/:number/destroy': onSecret((caller, path) =>
    caller.post(`${path}/versions/1/destroy`),
  ),
  'POST /api/v1/secrets/:id/drift/adopt': onSecret((caller, path) => caller.post(`${path}/drift/adopt`)),
  'POST /api/v1/secrets/:id/drift/overwrite': onSecret((caller, path) => caller.post(`${path}/drift/overwrite`)),
  'GET /api/v1/secrets/:id/targets': onSecret((caller, path) => caller.get(`${path}/targets`)),
  'GET /api/v1/secrets/:id/targets/:profile/explain': onSecret((caller, path, { target }) =>
    caller.get(`${path}/targets/${target.profile}/explain`),
  ),
  'POST /api/v1/secrets/:id/targets/:profile/sync': onSecret((caller, path, { target }) =>
    caller.post(`${path}/targets/${target.profile}/sync`),
  ),
  'PUT /api/v1/secrets/:id/source-profile': onSecret((caller, path, { target }) =>
    caller.put(`${path}/source-profile`, { profile: target.profile }, any),
  ),
  'POST /api/v1/secrets/:id/sync-profiles': async (ground) => {
    const { id } = await ground.stage.secret({ source: ground.source, content });
    return (caller) => caller.post(`/secrets/${id}/sync-profiles`, { profile: ground.target.profile });
  },
  'DELETE /api/v1/secrets/:id/sync-profiles/:profile': onSecret((caller, path, { target }) =>
    caller.delete(`${path}/sync-profiles/${target.profile}`),
  ),
};

/** Prepares and makes every request, one after another, with what it answered. */
export async function* walk(ground: Ground, caller: ApiClient): AsyncGenerator<readonly [string, ApiAnswer]> {
  for (const [endpoint, prepare] of Object.entries(ENDPOINT_CALLS))
    yield [endpoint, await (await prepare(ground))(caller)];
}
