export { IMPORT_STATES, ImportEntity, ImportItemEntity } from './import.entity.js';
export * as importErrors from './import.errors.js';
export { IMPORT_JOBS, SCAN_VAULT, SWEEP_IMPORTS } from './import.jobs.js';
export { ImportScanner } from './import-scanner.js';
export { IMPORT_LIMITS, ImportService, type Choice, type NewImport } from './import.service.js';
export * from './imports.module.js';
