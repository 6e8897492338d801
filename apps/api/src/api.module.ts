import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccessModule } from '@claviger/features/access';
import { ApprovalsModule } from '@claviger/features/approvals';
import { AuditModule } from '@claviger/features/audit';
import { ChangesModule } from '@claviger/features/changes';
import { ComplianceModule } from '@claviger/features/compliance';
import { IdempotencyModule } from '@claviger/features/idempotency';
import { SubscriptionsModule } from '@claviger/features/notifications';
import { PrincipalsModule } from '@claviger/features/principals';
import { ReplicationModule } from '@claviger/features/replication';
import { ReportsModule } from '@claviger/features/reports';
import { SecretsModule } from '@claviger/features/secrets';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { DocsController } from './http/docs.controller.js';
import { HealthController } from './http/health.controller.js';
import { IdempotentPosts } from './http/idempotent-posts.js';
import { ApiDescription } from './http/openapi.js';
import { ProblemFilter } from './http/problem.filter.js';
import { RequestAuthentication } from './http/request-authentication.js';
import { ApprovalDelegationsController } from './rest/approval-delegations/approval-delegations.controller.js';
import { ApprovalProfilesController } from './rest/approval-profiles/approval-profiles.controller.js';
import { ApprovalsController } from './rest/approvals/approvals.controller.js';
import { AuditEntriesController } from './rest/audit-entries/audit-entries.controller.js';
import { ChangeAnswers } from './rest/changes/change-answers.js';
import { ChangesController } from './rest/changes/changes.controller.js';
import { DeleteFuseController } from './rest/delete-fuse/delete-fuse.controller.js';
import { GroupsController } from './rest/groups/groups.controller.js';
import { LoginIssuersController } from './rest/login-issuers/login-issuers.controller.js';
import { LoginController } from './rest/login/login.controller.js';
import { MailSubscriptionsController } from './rest/mail-subscriptions/mail-subscriptions.controller.js';
import { PoliciesController } from './rest/policies/policies.controller.js';
import { ReplicationController } from './rest/replication/replication.controller.js';
import { ReportKeysController } from './rest/reports/report-keys.controller.js';
import { ReportSchedulesController } from './rest/report-schedules/report-schedules.controller.js';
import { ReportsController } from './rest/reports/reports.controller.js';
import { SecretContentController } from './rest/secrets/secret-content.controller.js';
import { SecretTargetsController } from './rest/secrets/secret-targets.controller.js';
import { SecretsController } from './rest/secrets/secrets.controller.js';
import { ClientCredentialsController } from './rest/service-accounts/client-credentials.controller.js';
import { ServiceAccountsController } from './rest/service-accounts/service-accounts.controller.js';
import { TokensController } from './rest/tokens/tokens.controller.js';
import { UsersController } from './rest/users/users.controller.js';
import { VaultInstancesController } from './rest/vault-instances/vault-instances.controller.js';
import { VaultKindsController } from './rest/vault-kinds/vault-kinds.controller.js';
import { VaultProfilesController } from './rest/vault-profiles/vault-profiles.controller.js';
import { WebhooksController } from './rest/webhooks/webhooks.controller.js';
import { WhoamiController } from './rest/whoami/whoami.controller.js';

/** The REST surface over the features. Stands on FoundationModule. */
@Module({
  imports: [
    AccessModule,
    ApprovalsModule,
    AuditModule,
    ChangesModule,
    ComplianceModule,
    DiscoveryModule,
    IdempotencyModule,
    PrincipalsModule,
    ReplicationModule.over(SecretsModule),
    ReportsModule,
    SecretsModule,
    SubscriptionsModule,
    VaultProfilesModule,
  ],
  controllers: [
    ApprovalDelegationsController,
    ApprovalProfilesController,
    ApprovalsController,
    AuditEntriesController,
    ChangesController,
    ClientCredentialsController,
    DeleteFuseController,
    DocsController,
    GroupsController,
    HealthController,
    LoginController,
    LoginIssuersController,
    MailSubscriptionsController,
    PoliciesController,
    ReplicationController,
    ReportKeysController,
    ReportSchedulesController,
    ReportsController,
    SecretContentController,
    SecretTargetsController,
    SecretsController,
    ServiceAccountsController,
    TokensController,
    UsersController,
    VaultInstancesController,
    VaultKindsController,
    VaultProfilesController,
    WebhooksController,
    WhoamiController,
  ],
  providers: [
    ApiDescription,
    ChangeAnswers,
    IdempotentPosts,
    ProblemFilter,
    { provide: APP_GUARD, useClass: RequestAuthentication },
  ],
  exports: [ApiDescription],
})
export class ApiModule {}
