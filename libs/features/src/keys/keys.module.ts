import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { SecretsModule } from '@claviger/features/secrets';
import { QueueModule } from '@claviger/platform/queue';
import { Module } from '@nestjs/common';
import { FingerprintPass } from './fingerprint-pass.js';
import { KeyRotationRepository } from './key-rotation.repository.js';
import { KeyRotationService } from './key-rotation.service.js';
import { KeyRotator } from './key-rotator.js';
import { KeyStatusService } from './key-status.service.js';
import { KEY_JOBS } from './keys.jobs.js';
import { Resealing } from './resealing.js';

/** Rotation of keys. */
@Module({
  imports: [AccessModule, AuditModule, SecretsModule, QueueModule.forFeature(...KEY_JOBS)],
  providers: [FingerprintPass, KeyRotationRepository, KeyRotationService, KeyRotator, KeyStatusService, Resealing],
  exports: [KeyRotationService, KeyRotator, KeyStatusService],
})
export class KeysModule {}
