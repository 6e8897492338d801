import { Module } from '@nestjs/common';
import { OwnershipMarker } from './ownership-marker.js';
import { ReplicationWakeUps } from './replication-wake-ups.js';
import { TargetLedger } from './target-ledger.js';

/** What secrets need of replication: saying what targets should hold. The reconciler is in ReplicationModule. */
@Module({
  providers: [OwnershipMarker, ReplicationWakeUps, TargetLedger],
  exports: [OwnershipMarker, ReplicationWakeUps, TargetLedger],
})
export class ReplicationLedgerModule {}
