export { IdempotencyRecordEntity } from './idempotency-record.entity.js';
export * from './idempotency.errors.js';
export { IDEMPOTENCY_JOBS, REMOVE_EXPIRED_ANSWERS } from './idempotency.jobs.js';
export * from './idempotency.module.js';
export { afterError, isIdempotencyKey } from './idempotency.policy.js';
export * from './idempotency.service.js';
