import { newId, SecretValue, type RequestContext } from '@claviger/kernel';
import { Keyring, RootKey } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';

const ROOT_KEY = new SecretValue(Buffer.alloc(32, 7).toString('base64'));

/** A context of a token with the admin policy in a store of its own; override what the test is about. */
export function testContext(overrides: Partial<RequestContext> = {}): RequestContext {
  return {
    requestId: newId(),
    storeId: newId(),
    actor: {
      type: 'token',
      id: newId(),
      accessor: 'test-accessor',
      displayName: 'test',
      policies: ['admin'],
      rootId: 'test-root',
    },
    remoteAddress: '192.0.2.1',
    ...overrides,
  };
}

/** The keyring of a test database, always under the same root key; makes the root store on first use. */
export function testKeyring(database: Database): Promise<Keyring> {
  return Keyring.open(database.pool, RootKey.fromText(ROOT_KEY));
}
