import { Module } from '@nestjs/common';
import { QueueModule } from '@claviger/platform/queue';
import { OwnershipMarker } from './ownership-marker.js';
import { REPLICATION_JOBS } from './replication.jobs.js';
import { ReplicationWakeUps } from './replication-wake-ups.js';
import { TargetHandover } from './target-handover.js';
import { TargetLedger } from './target-ledger.js';

/** What secrets need of replication: saying what targets should hold. The reconciler is in ReplicationModule. */
@Module({
  imports: [QueueModule.forFeature(...REPLICATION_JOBS)],
  providers: [OwnershipMarker, ReplicationWakeUps, TargetHandover, TargetLedger],
  exports: [OwnershipMarker, ReplicationWakeUps, TargetHandover, TargetLedger],
})
export class ReplicationLedgerModule {}
