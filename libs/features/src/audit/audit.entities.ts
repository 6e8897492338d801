import { AuditEntryEntity } from './audit-entry.entity.js';
import { AuditExportEntity } from './audit-export.entity.js';
import { AuditSealEntity } from './audit-seal.entity.js';

/** What TypeORM has to know of this room. */
export const AUDIT_ENTITIES = [AuditEntryEntity, AuditExportEntity, AuditSealEntity];
