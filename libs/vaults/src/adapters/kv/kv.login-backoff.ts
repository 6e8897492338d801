import type { Clock } from '@claviger/kernel';
import type { VaultError } from '@claviger/vaults/contract';
import { kvError } from './kv.errors.js';
import type { KvTask } from './kv.wire.js';

const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 300_000;

/** Remembers that credentials were refused, so that they are not presented in a loop (which locks accounts out). */
export class LoginBackoff {
  readonly #clock: Pick<Clock, 'now'>;
  #refusals = 0;
  #untilMs = 0;
  #says = '';

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Notes a refusal and gives the error for it. The pause doubles with each: 5 seconds up to 5 minutes. */
  remember(task: KvTask, says: string): VaultError {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#refusals, 16));
    this.#refusals += 1;
    this.#untilMs = this.#clock.now().getTime() + pauseMs;
    this.#says = says;
    return kvError(task, 'UNAUTHENTICATED', says);
  }

  /** @throws VaultError UNAUTHENTICATED while the pause after a refusal lasts */
  refuse(task: KvTask): void {
    if (this.#clock.now().getTime() >= this.#untilMs) return;
    const until = new Date(this.#untilMs).toISOString();
    throw kvError(task, 'UNAUTHENTICATED', `${this.#says}; not tried again before ${until}`, {
      details: { notBefore: until },
    });
  }

  /** The credentials were accepted, or are to be presented once more. */
  forget(): void {
    this.#refusals = 0;
    this.#untilMs = 0;
  }
}
