import { newId } from '@claviger/kernel';
import type { Database } from '@claviger/platform/database';
import type { BeforeApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { Repository } from 'typeorm';
import type { Logger } from './logger.js';
import { ProcessHeartbeatEntity } from './process-heartbeat.entity.js';

const BEAT_MS = 3_000;
const DEAD_AFTER = '15 seconds';
const MAX_LISTED = 1_000;

export type ProcessKind = 'api' | 'worker' | 'standalone' | 'cli';
/** What a process tells the others about the keys that it knows. */
export type KnownKeys = Pick<ProcessHeartbeatEntity, 'keyGeneration' | 'rootKeyIds'>;
export type ProcessIdentity = { readonly kind: ProcessKind; readonly version: string };

/**
 * Tells the other processes on this database that this one is alive, and knows how many there are. A process that was
 * not seen for 15 seconds, by the database's clock, is dead and its row is removed by whoever beats next.
 */
export class ProcessRegistry implements OnModuleInit, BeforeApplicationShutdown {
  /** The id of this process. */
  readonly id = newId();
  #live = 1;
  #isBeating = true;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #known: KnownKeys | undefined;
  #isLearning = true;
  #learnKeys: (() => Promise<KnownKeys>) | undefined;

  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
    private readonly identity: ProcessIdentity,
  ) {}

  /** How many processes were alive at the last beat, this one included: what a shared limit is divided by. At least 1. */
  liveProcesses(): number {
    return this.#live;
  }

  /** Has the keys learnt with every beat; what is known of them then is told to the others. */
  learnKeysBy(learn: () => Promise<KnownKeys>): void {
    this.#learnKeys = learn;
  }

  /** The processes that are alive, by the database's clock. */
  listLive(): Promise<ProcessHeartbeatEntity[]> {
    return this.#rows
      .createQueryBuilder('p')
      .where(`p.seen_at >= now() - cast(:deadAfter as interval)`, { deadAfter: DEAD_AFTER })
      .orderBy('p.started_at')
      .limit(MAX_LISTED)
      .getMany();
  }

  /** The first beat is awaited, so that a limit is shared from the first request on. */
  async onModuleInit(): Promise<void> {
    await this.beat();
    this.#timer = setInterval(() => void this.beat(), BEAT_MS);
    this.#timer.unref();
  }

  /** Stops beating and leaves, so that the others need not wait for this process to be taken for dead. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    try {
      await this.#rows.delete({ id: this.id });
    } catch (error) {
      this.logger.warn('process.leave_failed', {}, error);
    }
  }

  /** One beat, or the one under way. While the database is away the last known number stays; that it is away is logged once. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => (this.#beating = undefined));
    return this.#beating;
  }

  async #beat(): Promise<void> {
    try {
      await this.#markSeen();
      await this.#learn();
      await this.#removeDead();
      this.#live = Math.max(1, await this.#rows.count());
      this.#isBeating = true;
    } catch (error) {
      if (this.#isBeating) this.logger.warn('process.beat_failed', {}, error);
      this.#isBeating = false;
    }
  }

  async #markSeen(): Promise<void> {
    await this.#rows
      .createQueryBuilder()
      .insert()
      .values({ id: this.id, ...this.identity, ...this.#known, seenAt: () => 'now()' })
      .orUpdate(['seen_at', 'key_generation', 'root_key_ids'], ['id'])
      .execute();
  }

  /**
   * After the mark and not before it: a key is used once all processes that are marked know it, so one that is marked
   * first either is waited for, or finds the key here.
   */
  async #learn(): Promise<void> {
    if (!this.#learnKeys) return;
    const known = await this.#learnKeys().catch((error: unknown) => {
      if (this.#isLearning) this.logger.warn('process.keys_unknown', {}, error);
      this.#isLearning = false;
    });
    if (!known) return;
    this.#isLearning = true;
    if (known.keyGeneration === this.#known?.keyGeneration) return;
    this.#known = known;
    await this.#markSeen();
  }

  async #removeDead(): Promise<void> {
    await this.#rows
      .createQueryBuilder()
      .delete()
      .where(`seen_at < now() - cast(:deadAfter as interval)`, { deadAfter: DEAD_AFTER })
      .execute();
  }

  get #rows(): Repository<ProcessHeartbeatEntity> {
    return this.database.dataSource.getRepository(ProcessHeartbeatEntity);
  }
}
