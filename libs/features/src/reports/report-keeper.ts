import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ReportRepository } from './report.repository.js';

/** Erases documents when their time is over. */
@Injectable()
export class ReportKeeper {
  constructor(
    private readonly database: Database,
    private readonly reports: ReportRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Those of all reports that are over, each report in a transaction of its own. Returns of how many. */
  async expire(ctx: RequestContext, signal?: AbortSignal): Promise<number> {
    let count = 0;
    while (!signal?.aborted) {
      const isDone = await this.database.transaction(ctx, (tx) => this.reports.expireOne(tx, this.clock.now()));
      if (!isDone) return count;
      count += 1;
    }
    return count;
  }
}
