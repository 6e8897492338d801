import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import argon2 from 'argon2';
import { PasswordHasher } from './password-hasher.js';

describe('PasswordHasher', () => {
  afterEach(() => jest.restoreAllMocks());

  it('does the same work for a name that is known and one that is not, for the first log-in of a process too', async () => {
    const known = await new PasswordHasher().hash(new SecretValue('a long sentence'));
    const work = async (hash: string | null): Promise<string[]> => {
      const done: string[] = [];
      for (const act of ['hash', 'verify'] as const) {
        const real = argon2[act] as (...args: never[]) => Promise<never>;
        jest.spyOn(argon2, act).mockImplementation(((...args: never[]) => {
          done.push(act);
          return real(...args);
        }) as never);
      }
      expect(await new PasswordHasher().verify(hash, new SecretValue('another'))).toBe(false);
      jest.restoreAllMocks();
      return done;
    };
    expect(await work(null)).toEqual(await work(known));
  });

  it('knows no password of nobody', async () => {
    expect(await new PasswordHasher().verify(null, new SecretValue('anything'))).toBe(false);
  });
});
