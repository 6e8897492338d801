import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ChangesModule } from '@claviger/features/changes';
import { NotificationsModule } from '@claviger/features/notifications';
import { SecretsModule } from '@claviger/features/secrets';
import { QueueModule } from '@claviger/platform/queue';
import { PlanActors } from './plan-actors.js';
import { PlanApplier } from './plan-applier.js';
import { PlanEndings } from './plan-endings.js';
import { PLAN_JOBS } from './plan.jobs.js';
import { PlanJudge } from './plan-judge.js';
import { PlanProposals } from './plan-proposals.js';
import { PlanRepository } from './plan.repository.js';
import { PlanService } from './plan.service.js';
import { PlanViews } from './plan-view.js';
import { PlanWorker } from './plan-worker.js';

@Module({
  imports: [
    AccessModule,
    AuditModule,
    ChangesModule,
    NotificationsModule,
    SecretsModule,
    QueueModule.forFeature(...PLAN_JOBS),
  ],
  providers: [
    PlanActors,
    PlanApplier,
    PlanEndings,
    PlanJudge,
    PlanProposals,
    PlanRepository,
    PlanService,
    PlanViews,
    PlanWorker,
  ],
  exports: [PlanService, PlanWorker],
})
export class PlansModule {}
