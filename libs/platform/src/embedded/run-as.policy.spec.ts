import { describe, expect, it } from '@jest/globals';

import { decideRunAs, type RunAsFacts, type SystemUser } from './run-as.policy.js';

const postgres: SystemUser = { name: 'postgres', uid: 101, gid: 104 };
const nobody: SystemUser = { name: 'nobody', uid: 65534, gid: 65534 };
const root: SystemUser = { name: 'root', uid: 0, gid: 0 };

const facts = (overrides: Partial<RunAsFacts>): RunAsFacts => ({
  uid: 0,
  isNamed: true,
  clusterOwner: undefined,
  candidates: [postgres, nobody],
  innerUser: nobody,
  canMakeNamespace: () => true,
  canReach: () => true,
  ...overrides,
});

const never = (): never => {
  throw new Error('must not be asked');
};

describe('decideRunAs', () => {
  it('runs as itself for an ordinary user, and asks nothing', () => {
    expect(decideRunAs(facts({ uid: 1000, canMakeNamespace: never, canReach: never }))).toEqual({ kind: 'self' });
  });

  it('gives a user without a name one in a namespace, and tries without where there are none', () => {
    const unnamed = { uid: 4242, isNamed: false };
    expect(decideRunAs(facts(unnamed))).toEqual({ kind: 'namespace', inner: nobody });
    expect(decideRunAs(facts({ ...unnamed, canMakeNamespace: () => false }))).toEqual({ kind: 'self' });
  });

  it('runs as an ordinary user in a namespace for root', () => {
    expect(decideRunAs(facts({}))).toEqual({ kind: 'namespace', inner: nobody });
    expect(decideRunAs(facts({ clusterOwner: root }))).toEqual({ kind: 'namespace', inner: nobody });
  });

  it('runs as the owner of an existing cluster for root', () => {
    const decided = decideRunAs(facts({ clusterOwner: postgres, canMakeNamespace: never, canReach: never }));
    expect(decided).toEqual({ kind: 'user', user: postgres });
  });

  it('takes the first user who reaches the data where root has no namespaces', () => {
    const bare = { canMakeNamespace: () => false };
    expect(decideRunAs(facts(bare))).toEqual({ kind: 'user', user: postgres });
    expect(decideRunAs(facts({ ...bare, canReach: ({ name }) => name === 'nobody' }))).toEqual({
      kind: 'user',
      user: nobody,
    });
  });

  it('finds no way for root without namespaces when nobody reaches the data', () => {
    const bare = { canMakeNamespace: () => false, canReach: () => false };
    expect(decideRunAs(facts(bare))).toBeUndefined();
    expect(decideRunAs(facts({ ...bare, clusterOwner: root }))).toBeUndefined();
    expect(decideRunAs(facts({ canMakeNamespace: () => false, candidates: [] }))).toBeUndefined();
  });
});
