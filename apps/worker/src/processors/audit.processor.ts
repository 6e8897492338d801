import { Injectable, Optional } from '@nestjs/common';
import { AuditPartitions, AuditRetention, MAINTAIN_AUDIT, RETAIN_AUDIT } from '@claviger/features/audit';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class AuditProcessor {
  constructor(
    private readonly partitions: AuditPartitions,
    @Optional() private readonly retention: AuditRetention | undefined,
  ) {}

  @HandlesJob(MAINTAIN_AUDIT)
  async maintain(): Promise<void> {
    await this.partitions.makeAhead();
  }

  @HandlesJob(RETAIN_AUDIT)
  async retain(_: object, run: JobRun): Promise<void> {
    await this.retention?.run(run.signal);
  }
}
