import { unboundedInputs } from '@claviger/testing';
import { createAwsSecretsManagerKind } from '@claviger/vaults/adapters/aws-secrets-manager';
import { BuiltinKind } from '@claviger/vaults/adapters/builtin';
import { createKvKind } from '@claviger/vaults/adapters/kv';
import { createNetworkPolicy } from '@claviger/vaults/network';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

const kinds = [
  new BuiltinKind(undefined as never, undefined as never),
  createKvKind({ installationId: 'x', networkPolicy: createNetworkPolicy({}) }),
  createAwsSecretsManagerKind({
    installationId: 'x',
    networkPolicy: createNetworkPolicy({}),
    allowsEnvironment: false,
  }),
];

describe.each(kinds.map((kind) => [kind.kind, kind] as const))('the kind %s', (name, kind) => {
  it.each(['configSchema', 'credentialsSchema'] as const)('states a limit on everything in its %s', (part) => {
    const schema = z.toJSONSchema(kind[part], { io: 'input', unrepresentable: 'any' });
    expect(unboundedInputs(name, { requestBody: { content: { json: { schema } } } })).toEqual([]);
  });
});
