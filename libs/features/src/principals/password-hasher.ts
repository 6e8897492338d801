import { randomBytes } from 'node:crypto';
import { SecretValue } from '@claviger/kernel';
import { Injectable } from '@nestjs/common';
import pLimit from 'p-limit';
import { loginBusy } from './principals.errors.js';

/** OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB, two passes, one lane. About 30 ms. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Half of libuv's threads: files and names are looked up by them too. */
const AT_ONCE = 2;
const MAX_WAITING = 64;

/** Hashes passwords with Argon2id, outside the event loop, a few at a time. */
@Injectable()
export class PasswordHasher {
  readonly #limit = pLimit(AT_ONCE);
  #dummy: Promise<string> | undefined;

  /** In PHC string format. @throws AppError LOGIN_BUSY */
  async hash(password: SecretValue): Promise<string> {
    const { argon2id, hash } = await library();
    return this.#run(() => hash(normal(password), { ...PARAMETERS, type: argon2id }));
  }

  /**
   * Whether it is the password of the hash. Without a hash it is not, after as long a time as with one.
   * @throws AppError LOGIN_BUSY
   */
  async verify(hash: string | null, password: SecretValue): Promise<boolean> {
    // Whoever is the first to log in waits for it: else the first name that is unknown would take longer than one that is known.
    const nobody = await this.#hashOfNobody();
    const { verify } = await library();
    return (await this.#run(() => verify(hash ?? nobody, normal(password)))) && hash !== null;
  }

  #hashOfNobody(): Promise<string> {
    this.#dummy ??= this.hash(new SecretValue(randomBytes(32).toString('base64'))).catch((error: unknown) => {
      this.#dummy = undefined;
      throw error;
    });
    return this.#dummy;
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#limit.pendingCount >= MAX_WAITING) throw loginBusy();
    return this.#limit(work);
  }
}

/** However a keyboard composes its letters (NIST SP 800-63B). */
function normal(password: SecretValue): string {
  return password.reveal().normalize('NFKC');
}

/** Native code, which a process that logs nobody in need not load. */
async function library(): Promise<typeof import('argon2')> {
  return (await import('argon2')).default;
}
