/** A vault instance to be registered. */
export type Instance = { readonly kind: string; readonly config: object; readonly credentials: unknown };

/** An instance, and a change of its configuration that needs the credentials again. */
export type Case = readonly [instance: Instance, change: object];

/** Gives a word that must not be found anywhere afterwards. */
type Plant = () => string;

/** KV instances at an address with credentials of all forms, some of them wrong. */
export function kvInstances(address: string, plant: Plant): readonly Case[] {
  const clientKey = (): string => `-----BEGIN PRIVATE KEY-----\n${plant()}\n-----END PRIVATE KEY-----`;
  return [
    { type: 'token', token: plant() },
    { type: 'token', token: plant(), clientKey: clientKey() },
    { type: 'approle', roleId: plant(), secretId: plant() },
    { type: 'userpass', username: plant(), password: plant() },
    { type: 'jwt', role: plant(), jwt: plant() },
    { type: 'jwt', role: plant(), jwt: plant(), pasword: plant() },
    { type: plant(), token: plant() },
    { type: 'token', token: `${plant()}\n` },
    plant(),
    [plant()],
  ].map((credentials) => [{ kind: 'kv', config: { address }, credentials }, { address: 'http://127.0.0.1:2' }]);
}

/** The same of AWS Secrets Manager; the first can be registered. */
export function awsInstances(endpoint: string, plant: Plant): readonly [Case, ...Case[]] {
  const config = { region: 'eu-west-1', endpoint, stsEndpoint: endpoint };
  const keys = (): object => ({ accessKeyId: plant(), secretAccessKey: plant(), sessionToken: plant() });
  const roleArn = 'arn:aws:iam::123456789012:role/claviger';
  const instance = (credentials: unknown): Case => [
    { kind: 'aws-secrets-manager', config, credentials },
    { region: 'eu-west-2' },
  ];
  return [
    instance({ type: 'static', ...keys() }),
    instance({ type: 'static', ...keys(), pasword: plant() }),
    instance({ type: 'assumedRole', roleArn, externalId: plant(), base: { type: 'static', ...keys() } }),
    instance({ type: plant(), ...keys() }),
  ];
}
