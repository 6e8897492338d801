import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { QueueModule } from '@claviger/platform/queue';
import { Module } from '@nestjs/common';
import { IDEMPOTENCY_JOBS } from './idempotency.jobs.js';
import { IdempotencyRepository } from './idempotency.repository.js';
import { IdempotencyService } from './idempotency.service.js';

/** Requests that can be repeated. */
@Module({
  imports: [AccessModule, AuditModule, QueueModule.forFeature(...IDEMPOTENCY_JOBS)],
  providers: [IdempotencyRepository, IdempotencyService],
  exports: [IdempotencyService],
})
export class IdempotencyModule {}
