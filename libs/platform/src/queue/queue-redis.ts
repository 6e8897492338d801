import { Redis, type RedisOptions } from 'ioredis';

const CONNECT_TIMEOUT_MS = 10_000;
/** For the other side to close, too. */
const DISCONNECT_TIMEOUT_MS = 200;

/** The check is said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off otherwise. */
const TLS = { minVersion: 'TLSv1.2', rejectUnauthorized: true } as const;

type OwnOptions = RedisOptions & { replyMapping?: 'legacy' };

/**
 * A Redis client that can always be ended. ioredis, told to disconnect while it waits for its next attempt to connect,
 * neither ends nor fails what was asked of it, and BullMQ waits for both when it closes.
 */
export class QueueRedis extends Redis {
  readonly #copies = new Set<QueueRedis>();

  /** @param ca PEM of the only authorities trusted, for an address that begins with rediss:// */
  static open(url: string, clientName: string, ca?: string): QueueRedis {
    return new QueueRedis(url, {
      connectionName: clientName,
      ...(url.startsWith('rediss:') && { tls: { ...TLS, ...(ca !== undefined && { ca }) } }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      // BullMQ requires it of connections that block.
      maxRetriesPerRequest: null,
      retryStrategy: (times) => Math.min(50 * 2 ** times, 2_000),
    });
  }

  /** What BullMQ makes its blocking connections with. */
  override duplicate<O extends Partial<RedisOptions> | undefined = undefined>(
    options?: O,
  ): ReturnType<typeof Redis.prototype.duplicate<O>> {
    const copy = new QueueRedis({ ...this.options, ...options } as OwnOptions);
    this.#copies.add(copy);
    copy.once('end', () => this.#copies.delete(copy));
    return copy as never;
  }

  override disconnect(reconnect = false): void {
    // Between two attempts nothing is open, which is the state that ioredis calls `wait` and does end.
    if (!reconnect && this.status === 'reconnecting') this.status = 'wait';
    super.disconnect(reconnect);
  }

  /** Ends this connection and its copies at once; whatever waits for an answer fails. */
  cut(): void {
    for (const client of [this, ...this.#copies]) if (client.status !== 'end') client.disconnect();
  }
}
