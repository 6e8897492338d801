import { Injectable } from '@nestjs/common';
import { AuditPartitions, MAINTAIN_AUDIT } from '@claviger/features/audit';
import { HandlesJob } from '@claviger/platform/queue';

@Injectable()
export class AuditProcessor {
  constructor(private readonly partitions: AuditPartitions) {}

  @HandlesJob(MAINTAIN_AUDIT)
  async maintain(): Promise<void> {
    await this.partitions.makeAhead();
  }
}
