import { AuditModule } from '@claviger/features/audit';
import { QueueModule } from '@claviger/platform/queue';
import { Module } from '@nestjs/common';
import { AccessEpoch } from './access-epoch.js';
import { ACCESS_JOBS } from './access.jobs.js';
import { AccessService } from './access.service.js';
import { PolicyLibrary } from './policy-library.js';
import { PolicyRepository } from './policy.repository.js';
import { PolicyService } from './policy.service.js';
import { TokenRepository } from './token.repository.js';
import { TokenService } from './token.service.js';
import { TokenUses } from './token-uses.js';

/** Tokens, policies, and the judgement by them. Not global, so that at shutdown it is done before the database closes. */
@Module({
  imports: [AuditModule, QueueModule.forFeature(...ACCESS_JOBS)],
  providers: [
    AccessEpoch,
    AccessService,
    PolicyLibrary,
    PolicyRepository,
    PolicyService,
    TokenRepository,
    TokenService,
    TokenUses,
  ],
  exports: [AccessEpoch, AccessService, PolicyService, TokenService],
})
export class AccessModule {}
