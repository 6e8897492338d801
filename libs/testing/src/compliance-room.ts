import type { RequestContext } from '@claviger/kernel';
import {
  ComplianceProfileService,
  ComplianceResults,
  Evaluator,
  RunService,
  RunWorker,
  WaiverService,
  type ComplianceResult,
  type ResultQuery,
} from '@claviger/features/compliance';
import { OutboxListeners, type HeardEvent } from '@claviger/features/notifications';
import { ApprovalRoom } from './approval-room.js';
import type { TestDatabase } from './database.js';
import type { AheadClock, OutsideKind, SecretRoom } from './secret-room.js';

// Not behind the door of libs/testing: whoever imports this loads most of the program.

type Settings = Omit<Parameters<ComplianceProfileService['create']>[1], 'name'>;

/** The compliance room over secrets and approvals. */
export class ComplianceRoom {
  readonly profiles: ComplianceProfileService;
  readonly results: ComplianceResults;
  readonly evaluator: Evaluator;
  readonly waivers: WaiverService;
  readonly runs: RunService;
  readonly worker: RunWorker;

  private constructor(readonly approvals: ApprovalRoom) {
    this.profiles = this.secrets.get(ComplianceProfileService);
    this.results = this.secrets.get(ComplianceResults);
    this.evaluator = this.secrets.get(Evaluator);
    this.runs = this.secrets.get(RunService);
    this.worker = this.secrets.get(RunWorker);
    this.waivers = this.secrets.get(WaiverService);
  }

  static async create(db: TestDatabase, kind?: OutsideKind, clock?: AheadClock): Promise<ComplianceRoom> {
    return new ComplianceRoom(await ApprovalRoom.create(db, kind, clock));
  }

  get secrets(): SecretRoom {
    return this.approvals.secrets;
  }

  get ctx(): RequestContext {
    return this.secrets.ctx;
  }

  /** Creates a compliance profile, approved by a voter where it judges what is gated. */
  async profile(name: string, settings: Settings, voter?: RequestContext): Promise<void> {
    const { id, state } = await this.profiles.create(this.ctx, { name, ...settings });
    if (state === 'pending_approval') await this.approvals.approve(voter!, id);
  }

  /** What happened is heard, and what is due is looked at. */
  async settle(): Promise<void> {
    await this.hear();
    await this.evaluator.sweep(this.ctx);
    // What shares a value with something that was looked at is due now.
    await this.evaluator.sweep(this.ctx);
  }

  /** Empties the outbox, as a worker does; what was in it. */
  async hear(): Promise<HeardEvent[]> {
    const { database } = this.secrets.db;
    return database.transaction(this.ctx, async (tx) => {
      const [events] = (await database
        .manager(tx)
        .query(`delete from event returning type, subject_id as "subjectId", facts`)) as [HeardEvent[], number];
      await this.secrets.get(OutboxListeners).tell(tx, events);
      return events;
    });
  }

  /** Rules that are broken, of one secret or all. */
  async broken(secretId?: string, more: Partial<ResultQuery> = {}): Promise<string[]> {
    const rows = await this.list({ ...(secretId && { secretId }), ...more });
    return rows.map(({ rule }) => rule).sort();
  }

  list(query: Partial<ResultQuery>): Promise<ComplianceResult[]> {
    return this.results.list(this.ctx, { limit: 1_000, ...query });
  }
}
