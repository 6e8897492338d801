import type { ApiAnswer, ApiClient, JsonBody } from '@claviger/testing';
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
