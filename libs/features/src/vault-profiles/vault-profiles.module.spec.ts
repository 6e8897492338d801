import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { CLOCK, systemClock } from '@claviger/kernel';
import { AccessModule, AccessService } from '@claviger/features/access';
import { AuditModule, AuditService } from '@claviger/features/audit';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { JobQueue } from '@claviger/platform/queue';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import { VAULT_KINDS } from '@claviger/vaults/contract';
import { JobRegistry } from '../../../platform/src/queue/job-registry.js';
import {
  BackendPlaces,
  VaultConnections,
  VaultInstanceService,
  VaultKindRegistry,
  VaultProfilesModule,
  VaultProfileService,
} from './index.js';

const unused = { liveProcesses: () => 1 };
const foundation = [
  { provide: CLOCK, useValue: systemClock },
  { provide: VAULT_KINDS, useValue: [] },
  { provide: JobRegistry, useValue: new JobRegistry() },
  ...[Database, JobQueue, Keyring, ProcessRegistry].map((provide) => ({ provide, useValue: unused })),
];

@Global()
@Module({ providers: foundation, exports: foundation })
class FoundationModule {}

@Module({ providers: [{ provide: AccessService, useValue: unused }], exports: [AccessService] })
class OpenAccessModule {}

@Module({ providers: [{ provide: AuditService, useValue: unused }], exports: [AuditService] })
class SilentAuditModule {}

describe('VaultProfilesModule', () => {
  it('wires what it exports', async () => {
    const module = await Test.createTestingModule({ imports: [FoundationModule, VaultProfilesModule] })
      .overrideModule(AccessModule)
      .useModule(OpenAccessModule)
      .overrideModule(AuditModule)
      .useModule(SilentAuditModule)
      .compile();
    for (const service of [
      BackendPlaces,
      VaultConnections,
      VaultInstanceService,
      VaultKindRegistry,
      VaultProfileService,
    ])
      expect(module.get(service, { strict: false })).toBeInstanceOf(service);
    await module.close();
  });
});
