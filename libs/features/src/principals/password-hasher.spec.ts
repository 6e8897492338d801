import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import argon2 from 'argon2';
import { PasswordHasher } from './password-hasher.js';

/** What the first log-in of a process does, for the hash of a name that is known, or none. */
async function firstLogin(hash: string | null): Promise<{ isRight: boolean; hashed: number; verified: number }> {
  const [hashing, verifying] = [jest.spyOn(argon2, 'hash'), jest.spyOn(argon2, 'verify')];
  const isRight = await new PasswordHasher().verify(hash, new SecretValue('another sentence'));
  const done = { isRight, hashed: hashing.mock.calls.length, verified: verifying.mock.calls.length };
  jest.restoreAllMocks();
  return done;
}

describe('PasswordHasher', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('does the same work for a name that is known and one that is not, for the first log-in of a process too', async () => {
    const known = await new PasswordHasher().hash(new SecretValue('a long sentence'));
    expect(await firstLogin(null)).toEqual({ isRight: false, hashed: 1, verified: 1 });
    expect(await firstLogin(known)).toEqual({ isRight: false, hashed: 1, verified: 1 });
  });
});
