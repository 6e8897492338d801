import { CLOCK, type Clock } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { MARK_USED } from './access.hot.js';

const FLUSH_EVERY_MS = 5_000;
/** Most tokens remembered between two flushes; the marks of further ones are lost when the database is away. */
const CAPACITY = 50_000;

type Mark = { readonly storeId: string; readonly at: Date; readonly address: string | undefined };

/** Gathers when and from where tokens are used, and writes it down every five seconds: a use costs no write. */
@Injectable()
export class TokenUses implements OnApplicationShutdown {
  #marks = new Map<string, Mark>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  note(storeId: string, tokenId: string, address: string | undefined): void {
    if (this.#marks.size >= CAPACITY && !this.#marks.has(tokenId)) return;
    this.#marks.set(tokenId, { storeId, at: this.clock.now(), address });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_EVERY_MS).unref();
  }

  /** Writes down what was gathered. What cannot be written is kept for the next time. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const marks = [...this.#marks];
    if (marks.length === 0) return;
    this.#marks = new Map();
    try {
      await this.database.execute(undefined, MARK_USED, [
        marks.map(([, mark]) => mark.storeId),
        marks.map(([id]) => id),
        marks.map(([, mark]) => mark.at.toISOString()),
        marks.map(([, mark]) => mark.address ?? null),
      ]);
    } catch (error) {
      this.logger.warn('access.uses_unwritten', { tokens: marks.length }, error);
      for (const [id, mark] of marks) if (!this.#marks.has(id)) this.#marks.set(id, mark);
    }
  }

  onApplicationShutdown(): Promise<void> {
    return this.flush();
  }
}
