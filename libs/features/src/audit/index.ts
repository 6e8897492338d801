export * from './audit-entry.js';
export { auditInsertSql, auditParameters, AUDIT_PARAMETER_COUNT } from './audit-entry.hot.js';
export * from './audit.service.js';
