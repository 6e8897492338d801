import type { RequestContext } from '@claviger/kernel';
import type { AuditEvent } from '@claviger/features/audit';

/** Judges what a caller may do. */
export interface Authorizer {
  can(ctx: RequestContext, path: string, operation: string): boolean;
  /** @throws AppError ACCESS_DENIED */
  authorize(ctx: RequestContext, path: string, operation: string): void;
}
export const AUTHORIZER = Symbol('AUTHORIZER');

/** Stores the audit entry of a mutation in its transaction. */
export interface AuditRecorder {
  record(tx: RequestContext, event: AuditEvent): Promise<void>;
}
export const AUDIT_RECORDER = Symbol('AUDIT_RECORDER');
