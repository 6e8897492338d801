import type { RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Injectable } from '@nestjs/common';
import type { PreparedChange } from './executing-change.js';

/** Writes into the audit log what becomes of changes, in the transaction that makes it so. */
@Injectable()
export class ChangeTrail {
  constructor(private readonly audit: AuditService) {}

  async record(
    tx: RequestContext,
    kind: string,
    phase: string,
    subject: PreparedChange['subject'],
    details: Record<string, string>,
  ): Promise<void> {
    const outcome = phase === 'failed' ? 'failed' : 'allowed';
    const event = { action: kind, outcome, resource: subject, details: { ...details, phase } } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }
}
