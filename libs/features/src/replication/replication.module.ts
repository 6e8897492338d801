import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { DatabaseEpochs } from './database-epoch.js';
import { ReplicationLedgerModule } from './replication-ledger.module.js';
import { ReplicationService } from './replication.service.js';
import { Reconciler } from './reconciler.js';
import { TargetActions } from './target-actions.js';
import { TargetObserver } from './target-observer.js';
import { TargetRemoval } from './target-removal.js';
import { TargetRepository } from './target.repository.js';
import { TargetVaults } from './target-vaults.js';

/** Replication, over a module that exports the REPLICATION_SOURCE. */
@Module({})
export class ReplicationModule {
  static over(source: Type): DynamicModule {
    return {
      module: ReplicationModule,
      imports: [AccessModule, AuditModule, ReplicationLedgerModule, VaultProfilesModule, source],
      providers: [
        DatabaseEpochs,
        Reconciler,
        ReplicationService,
        TargetActions,
        TargetObserver,
        TargetRemoval,
        TargetRepository,
        TargetVaults,
      ],
      exports: [Reconciler, ReplicationLedgerModule, ReplicationService],
    };
  }
}
