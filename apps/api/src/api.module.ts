import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ChangesModule } from '@claviger/features/changes';
import { ReplicationModule } from '@claviger/features/replication';
import { SecretsModule } from '@claviger/features/secrets';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { HealthController } from './http/health.controller.js';
import { ProblemFilter } from './http/problem.filter.js';
import { RequestAuthentication } from './http/request-authentication.js';
import { ChangesController } from './rest/changes/changes.controller.js';
import { SecretContentController } from './rest/secrets/secret-content.controller.js';
import { SecretsController } from './rest/secrets/secrets.controller.js';

/** The REST surface over the features. Stands on FoundationModule. */
@Module({
  imports: [
    AccessModule,
    AuditModule,
    ChangesModule,
    ReplicationModule.over(SecretsModule),
    SecretsModule,
    VaultProfilesModule,
  ],
  controllers: [ChangesController, HealthController, SecretContentController, SecretsController],
  providers: [ProblemFilter, { provide: APP_GUARD, useClass: RequestAuthentication }],
})
export class ApiModule {}
