export { HandlesJob } from './handles-job.js';
export * from './job-definition.js';
export * from './job-queue.js';
export { everyMs, type JobSchedule } from './job-schedule.js';
export { migrateQueue } from './migrate-queue.js';
export type { QueueOptions } from './queue-connection.js';
export { QueueModule } from './queue.module.js';
export { QueueWorkerModule, type QueueWorkerOptions } from './queue-worker.module.js';
