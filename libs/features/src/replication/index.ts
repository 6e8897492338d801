export * from './ownership-marker.js';
export * from './replication-ledger.module.js';
export * from './replication-source.js';
export * from './replication.jobs.js';
export * from './replication-wake-ups.js';
export * from './sync-target.entity.js';
export * from './target-ledger.js';
