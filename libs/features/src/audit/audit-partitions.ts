import { CLOCK, type Clock } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable } from '@nestjs/common';

const DAYS_AHEAD = 2;
const MS_PER_DAY = 86_400_000;
const LOCK_TIMEOUT = '1s';

/** The daily partitions of the audit log. Where they are not made, the default partition takes the rows. */
@Injectable()
export class AuditPartitions {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes those of today and the next two days.
   *
   * @returns how many were made
   */
  async makeAhead(): Promise<number> {
    const now = this.clock.now().getTime();
    return this.database.dataSource.transaction(async (manager) => {
      // Attaching waits for whoever reads the default partition, and new readers wait behind it. There are two days to try.
      await manager.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
      const days = [day(now), day(now + DAYS_AHEAD * MS_PER_DAY)];
      const [row] = (await manager.query('select audit_make_partitions($1, $2) as made', days)) as [{ made: number }];
      return row.made;
    });
  }
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
