import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';

/** An event that has left the outbox. */
export type HeardEvent = { readonly type: string; readonly subjectId: string | null };

type Listener = (tx: RequestContext, events: readonly HeardEvent[]) => Promise<void>;

/**
 * Rooms that want to know of every event: each is told once, in the transaction that takes events out of the outbox, so that nothing
 * is lost and whoever wrote the event pays nothing. A listener writes what it needs and returns; it never waits for anything outside.
 */
@Injectable()
export class OutboxListeners {
  readonly #listeners: Listener[] = [];

  add(listener: Listener): void {
    this.#listeners.push(listener);
  }

  async tell(tx: RequestContext, events: readonly HeardEvent[]): Promise<void> {
    for (const listener of this.#listeners) await listener(tx, events);
  }
}
