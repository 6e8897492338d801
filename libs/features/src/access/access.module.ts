import { Module } from '@nestjs/common';
import { AuditModule } from '@claviger/features/audit';
import { QueueModule } from '@claviger/platform/queue';
import { AccessEpoch } from './access-epoch.js';
import { ACCESS_JOBS } from './access.jobs.js';
import { AccessService } from './access.service.js';
import { LastUse } from './last-use.js';
import { PolicyRepository } from './policy.repository.js';
import { PolicyService } from './policy.service.js';
import { TokenRepository } from './token.repository.js';
import { TokenService } from './token.service.js';

@Module({
  imports: [AuditModule, QueueModule.forFeature(...ACCESS_JOBS)],
  providers: [AccessEpoch, AccessService, LastUse, PolicyRepository, PolicyService, TokenRepository, TokenService],
  exports: [AccessService, PolicyService, TokenService],
})
export class AccessModule {}
