export { AnchorFile, parseAnchor, type AuditAnchor } from './anchor-file.js';
export { readAuditChain, type ExportFiles, type AuditChainSource } from './audit-chain.js';
export type { AuditEntry } from './audit-entry.js';
export type { AuditDetails, AuditEvent, AuditOutcome } from './audit-event.js';
export { AUDIT_OUTCOMES } from './audit-event.js';
export type { AuditBatch } from './audit-batch.js';
export { batchParameters, insertBatchSql } from './audit-batch.hot.js';
export { AuditKeeperModule } from './audit-keeper.module.js';
export { keysOfStore, publicKeys, type AuditKeys } from './audit-keys.js';
export { AuditPartitions } from './audit-partitions.js';
export { AuditExporter } from './audit-exporter.js';
export { exportFilesIn, readExport } from './export-files.js';
export { AuditRetention } from './audit-retention.js';
export { AuditRetentionModule } from './audit-retention.module.js';
export { exportDirectoryMissing } from './audit.errors.js';
export {
  AuditReader,
  type AuditEntryView,
  type AuditPlace,
  type AuditQuery,
  type AuditSealHead,
  type FoundEntries,
} from './audit-reader.js';
export { parseRecord, writeRecord, type AuditRecord } from './audit-record.js';
export { describeReport, type AuditFinding, type AuditReport } from './audit-report.js';
export { verifyAudit, type AuditEvidence } from './audit-verifier.js';
export { AuditSearchIndex } from './audit-search-index.js';
export { auditUnavailable } from './audit.errors.js';
export { AUDIT_READINGS } from './audit.metrics.js';
export { AUDIT_ENTITIES } from './audit.entities.js';
export { MAINTAIN_AUDIT, RETAIN_AUDIT } from './audit.jobs.js';
export { AuditModule } from './audit.module.js';
export { AuditService } from './audit.service.js';
export { SealAnchors } from './seal-anchors.js';
export { Sealer, type SealerDependencies } from './sealer.js';
