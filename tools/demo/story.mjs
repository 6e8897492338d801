// The main job, end to end: one secret, two vaults.
import { heading, result, table } from './screen.mjs';
import { until } from './processes.mjs';

/** Calls Claviger; throws what it says when it refuses. */
function client({ url, token }) {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = text === '' ? {} : JSON.parse(text);
    if (!response.ok) throw new Error(`${method} ${path}: ${answer.detail ?? response.status}`);
    return answer;
  };
}

/**
 * @param claviger {url, token}
 * @param vaults {title, instances: [body …], profiles: [body …], look(profile, name): what the vault itself holds, forgery?}
 */
export async function tellStory(claviger, vaults) {
  const call = client(claviger);
  const [source, target] = vaults.profiles.map(({ name }) => name);

  heading(`Register ${vaults.title}`);
  for (const body of vaults.instances) {
    await call('POST', '/vault-instances', body);
    const check = await call('POST', `/vault-instances/${body.name}/check`, {});
    result(`vault instance ${body.name}: ${check.status}${check.product ? `, ${check.product} ${check.version}` : ''}`);
  }
  for (const body of vaults.profiles) {
    await call('POST', '/vault-profiles', body);
    const check = await call('POST', `/vault-profiles/${body.name}/check`, {});
    result(`vault profile ${body.name}: ${check.status}${check.flavour ? ` (${check.flavour})` : ''}`);
  }

  heading('Who owns it: a group');
  const group = await call('POST', '/groups', { name: 'team-payments', policies: ['developer'] });
  result(`group ${group.name}`);

  heading('What would creating the secret do? (dry run)');
  const name = 'payments/database';
  const create = {
    name,
    type: 'basic-auth',
    content: { username: 'payments', password: 'first-password' },
    sourceProfile: source,
    syncProfiles: [target],
    owner: 'team-payments',
    reason: 'demo',
  };
  const { plan } = await call('POST', '/secrets?dryRun=true', create);
  table(plan.map((step) => [step.profile, step.role, step.action, step.reason]));

  heading(`Create ${name} in ${source}, replicated to ${target}`);
  const { secret } = await call('POST', '/secrets', create);
  const path = `/secrets/${secret.id}`;
  result(`version ${secret.currentVersion}, fingerprint ${secret.fingerprint}`);
  await inSync(call, path);
  await show(call, path, vaults, [source, target], name);

  heading('Update it');
  const update = await call(
    'PUT',
    `${path}/content`,
    { content: { username: 'payments', password: 'second-password' } },
    { 'if-match': '"1"' },
  );
  result(`version ${update.version}`);
  await inSync(call, path);
  await show(call, path, vaults, [source, target], name);

  heading('Write the same content once more');
  const same = await call(
    'PUT',
    `${path}/content`,
    { content: { username: 'payments', password: 'second-password' } },
    { 'if-match': '"2"' },
  );
  result(same.unchanged ? `nothing to do: version ${same.version} is equal` : `version ${same.version}`);

  heading('A write that is based on an old version is refused');
  await call(
    'PUT',
    `${path}/content`,
    { content: { username: 'payments', password: 'x' } },
    { 'if-match': '"1"' },
  ).then(
    () => result('it was not refused'),
    (error) => result(error.message),
  );

  heading('Read the old version, then restore it');
  const old = await call('GET', `${path}/content?version=1`);
  result(`version 1 has the password ${old.content.password}`);
  const restored = await call('POST', `${path}/versions/1/restore`, {});
  result(`restored as version ${restored.version}`);
  await inSync(call, path);
  await show(call, path, vaults, [source, target], name);

  if (vaults.forge) {
    heading(`Somebody changes the copy in ${target} behind our back`);
    await vaults.forge(target, name);
    const asked = Date.now();
    await call('POST', `${path}/targets/${target}/sync`, {});
    await until(async () => {
      const [only] = (await call('GET', `${path}/targets`)).items;
      return only.status === 'in_sync' && Date.parse(only.verifiedAt) >= asked;
    });
    result('asked to sync: the copy was looked at and overwritten');
    await show(call, path, vaults, [source, target], name);
  }

  heading('The history');
  const { items } = await call('GET', `${path}/versions`);
  table(items.map((v) => [`version ${v.number}`, v.fingerprint, v.origin, v.createdBy.name, v.reason ?? '']));

  heading('Delete it everywhere');
  await call('DELETE', path, undefined, { 'if-match': '*' });
  await until(async () => (await call('GET', path)).state === 'deleted');
  await show(call, path, vaults, [source, target], name, false);

  heading('What the audit log says');
  const audit = await call('GET', `/audit-entries?limit=6&resource=${encodeURIComponent(`${source}/${name}`)}`);
  table(audit.items.map((e) => [e.at, e.actor.displayName, e.action, e.outcome]));

  for (const { name: profile } of vaults.profiles)
    await call('DELETE', `/vault-profiles/${profile}`, undefined, { 'if-match': '*' });
  for (const { name: instance } of vaults.instances)
    await call('DELETE', `/vault-instances/${instance}`, undefined, { 'if-match': '*' });
}

async function inSync(call, path) {
  await until(async () => (await call('GET', `${path}/targets`)).items.every(({ status }) => status === 'in_sync'));
}

/** What each place holds, asked of the vault itself where it is one outside. */
async function show(call, path, vaults, profiles, name, exists = true) {
  if (!vaults.look) {
    if (exists)
      for (const target of (await call('GET', `${path}/targets`)).items)
        result(`${target.profile}: ${target.status}, compared by ${target.verifiedHow}`);
    return;
  }
  for (const profile of profiles) {
    const held = await vaults.look(profile, name);
    result(`${profile} itself says: ${held === undefined ? 'nothing there' : `password ${held.password}`}`);
  }
}
