import type { ApiAnswer, ApiClient, JsonBody } from '@claviger/testing';
import { KeyServer } from './key-server.js';
import { unique } from './stage.js';

/** What planting needs of the test that searches afterwards. */
export type Planting = {
  /** With the root token. */
  readonly api: ApiClient;
  /** Makes text that is searched for. */
  plant(): string;
  /** Has text that Claviger made searched for. */
  keep(text: string): void;
  /** Has the answer searched, and gives it. */
  note(answer: Promise<ApiAnswer>): Promise<ApiAnswer>;
  /** The same with one that must be a success; its body. */
  must(answer: Promise<ApiAnswer>): Promise<JsonBody>;
};

const any = { ifMatch: '*' };

/** Passwords in every place that one can be sent to, right and wrong, and where they do not belong. */
export async function passwordsIn({ api, plant, keep, must, note }: Planting): Promise<void> {
  const nobody = api.as(undefined);
  const logIn = (name: string, password: string): Promise<ApiAnswer> =>
    nobody.post('/login/password', { name, password });
  const [name, first, second, third] = [unique('user'), plant(), plant(), plant()];
  await must(api.post('/users', { name, password: first }));
  await must(api.put(`/users/${name}/password`, { password: second }));
  const { token } = (await logIn(name, second)).body;
  keep(token as string);
  const own = api.as(token as string);
  await note(own.put('/users/self/password', { password: plant(), currentPassword: plant() }));
  await must(own.put('/users/self/password', { password: third, currentPassword: second }));
  keep((await logIn(name, third)).body.token as string);
  for (let i = 0; i < 6; i += 1) await note(logIn(name, plant()));
  await note(logIn(plant(), plant()));
  await note(logIn(`Not a name ${plant()}`, plant()));
  await note(own.put('/users/self/password', { password: plant() }));
  await note(own.put(`/users/${name}/password`, { password: plant() }));
  await note(api.put(`/users/${name}/password`, { password: plant(), currentPassword: plant() }));
  await note(api.put('/users/nobody/password', { password: plant() }));
  await note(api.put('/users/self/password', { password: plant(), currentPassword: plant() }));
  await note(api.get(`/users/${name}`));
  await note(api.patch(`/users/${name}`, { password: plant() }, any));
  for (const password of [plant().slice(0, 8), plant().repeat(30), [plant()], { [plant()]: plant() }]) {
    await note(api.post('/users', { name: unique('user'), password }));
    await note(api.put(`/users/${name}/password`, { password }));
    await note(own.put('/users/self/password', { password: plant(), currentPassword: password }));
    await note(nobody.post('/login/password', { name, password }));
  }
  await note(api.post('/users', { name, password: plant() }));
  await note(api.post('/users', { name: `Not a name ${plant()}`, password: plant() }));
  await note(api.post('/users', { name: unique('user'), pasword: plant() }));
  await note(api.get(`/users/${encodeURIComponent(`Not a name ${plant()}`)}`));
  await note(nobody.post('/login/password', { name, password: plant(), [plant()]: plant() }));
  await note(nobody.post('/login/password', { name: [plant()], pasword: plant() }));
  await note(nobody.post(`/login/password?password=${plant()}`, { name, password: plant() }));
  await note(nobody.get(`/login/password/${plant()}`));
}

/** The same of the secrets of service accounts. */
export async function clientSecretsIn({ api, plant, keep, must, note }: Planting): Promise<void> {
  const nobody = api.as(undefined);
  const name = unique('robot');
  await must(api.post('/service-accounts', { name }));
  await note(api.post('/service-accounts', { name: unique('robot'), password: plant(), clientSecret: plant() }));
  const path = `/service-accounts/${name}/credentials`;
  const { clientId, clientSecret } = (await api.post(path, { label: 'one' })).body;
  keep(clientSecret as string);
  const logIn = (body: object): Promise<ApiAnswer> => nobody.post('/login/client-credential', body);
  keep((await logIn({ clientId, clientSecret })).body.token as string);
  for (const secret of [plant(), `cvgs_${plant()}abc`, `${clientSecret}${plant()}`, [plant()], { [plant()]: 1 }])
    await note(logIn({ clientId, clientSecret: secret }));
  await note(logIn({ clientId: clientSecret, clientSecret: clientId }));
  await note(logIn({ clientId: plant(), clientSecret }));
  await note(logIn({ clientId, clientsecret: plant() }));
  await note(logIn({ clientId: [plant()], clientSecret: plant() }));
  await note(nobody.post('/login/password', { name, password: clientSecret }));
  await note(api.post(path, { label: 'two', clientSecret: plant() }));
  await note(api.delete(`${path}/${clientSecret}`));
  await note(api.as(clientSecret as string).get('/whoami'));
  await note(api.get(path));
  await note(api.get(`/service-accounts/${name}`));
}

/** The same of JWTs, right and wrong ones, and of what stands in them. */
export async function jwtsIn({ api, plant, keep, must, note }: Planting): Promise<void> {
  const nobody = api.as(undefined);
  const keys = await KeyServer.get();
  const logIn = (body: object): Promise<ApiAnswer> => nobody.post('/login/jwt', body);
  /** Searched for whole, by its signature, and by what it says. */
  const jwt = async (claims: object = {}): Promise<string> => {
    const token = await keys.token({ email: plant(), groups: [plant()], ...claims });
    for (const text of [token, token.split('.')[2]!]) keep(text);
    return token;
  };
  const [issuer, linked] = [unique('issuer'), unique('issuer')];
  await must(api.post('/login-issuers', { name: issuer, ...keys.settings, provisions: true, groupsClaim: 'groups' }));
  await must(api.post('/login-issuers', { name: linked, ...keys.settings }));
  const { status, body } = await logIn({ issuer, token: await jwt({ sub: unique('subject') }) });
  if (status !== 200) throw new Error(`The right token was answered ${status}.`);
  keep(body.token as string);
  for (const claims of [{ sub: plant() }, { sub: 'x', aud: plant() }, { sub: 'x', iss: plant() }, { sub: 'x', exp: 1 }])
    await note(logIn({ issuer: linked, token: await jwt(claims) }));
  await note(logIn({ issuer, token: await jwt({ sub: `No name ${plant()}` }) }));
  const right = await jwt({ sub: unique('subject') });
  for (const token of [plant(), `${right}${plant()}`, `eyJ${plant()}.${plant()}.x`, [plant()], { [plant()]: plant() }])
    await note(logIn({ issuer, token }));
  await note(logIn({ issuer, token: plant().repeat(1_000) }));
  await note(logIn({ issuer: plant(), token: right }));
  await note(logIn({ issuer: [plant()], token: right }));
  await note(logIn({ issuer, Token: right, [plant()]: plant() }));
  await note(nobody.post(`/login/jwt?token=${right}`, { issuer, token: right }));
  await note(nobody.get(`/login/jwt/${right}`));
  await note(api.as(right).get('/whoami'));
  await note(nobody.post('/login/password', { name: 'x', password: right }));
  const user = unique('user');
  await must(api.post('/users', { name: user }));
  await note(api.put(`/login-issuers/${issuer}/links/${user}`, { subject: right }));
  await note(api.put(`/login-issuers/${issuer}/links/${right}`, { subject: 'x' }));
  await note(api.get(`/login-issuers/${right}`));
  const pem = `-----BEGIN PRIVATE KEY-----\n${plant()}\n-----END PRIVATE KEY-----`;
  for (const wrong of [
    { caCertificate: pem },
    { jwksUrl: `https://x:${plant()}@id.example` },
    { clientSecret: plant() },
  ]) {
    await note(api.post('/login-issuers', { name: unique('issuer'), ...keys.settings, ...wrong }));
    await note(api.patch(`/login-issuers/${issuer}`, wrong, any));
  }
  await note(api.get(`/login-issuers/${issuer}/links`));
}
