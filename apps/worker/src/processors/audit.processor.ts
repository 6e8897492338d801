import { Inject, Injectable, Optional } from '@nestjs/common';
import {
  AuditPartitions,
  AuditRetention,
  AuditSearchIndex,
  MAINTAIN_AUDIT,
  RETAIN_AUDIT,
} from '@claviger/features/audit';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class AuditProcessor {
  constructor(
    private readonly partitions: AuditPartitions,
    private readonly searchIndex: AuditSearchIndex,
    @Optional() @Inject(AuditRetention) private readonly retention: AuditRetention | undefined,
  ) {}

  @HandlesJob(MAINTAIN_AUDIT)
  async maintain(_: object, run: JobRun): Promise<void> {
    await this.partitions.makeAhead();
    await this.searchIndex.make(run.signal);
  }

  @HandlesJob(RETAIN_AUDIT)
  async retain(_: object, run: JobRun): Promise<void> {
    await this.retention?.run(run.signal);
  }
}
