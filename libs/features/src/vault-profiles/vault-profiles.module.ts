import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ChangeHandlers, ChangesModule } from '@claviger/features/changes';
import { BackendPlaces } from './backend-places.js';
import { ProfileDirectory } from './profile-directory.js';
import { ResourceAccess } from './resource-access.js';
import { ServerIdentities } from './server-identities.js';
import { VaultConnections } from './vault-connections.js';
import { VaultGuards } from './vault-guards.js';
import { VaultInstanceRepository } from './vault-instance.repository.js';
import { VaultInstanceService } from './vault-instance.service.js';
import { VaultKindRegistry } from './vault-kind-registry.js';
import { VaultProfileHandlers, VaultProfileKeeper } from './vault-profile.handlers.js';
import { VaultProfileRepository } from './vault-profile.repository.js';
import { VaultProfileService } from './vault-profile.service.js';

/** Needs from the composition root: VAULT_KINDS, Database, Keyring, CLOCK and ProcessRegistry. */
@Module({
  imports: [AccessModule, AuditModule, ChangesModule],
  providers: [
    BackendPlaces,
    ProfileDirectory,
    ResourceAccess,
    ServerIdentities,
    VaultConnections,
    VaultGuards,
    VaultInstanceRepository,
    VaultInstanceService,
    VaultKindRegistry,
    VaultProfileHandlers,
    VaultProfileKeeper,
    VaultProfileRepository,
    VaultProfileService,
  ],
  exports: [BackendPlaces, VaultConnections, VaultInstanceService, VaultKindRegistry, VaultProfileService],
})
export class VaultProfilesModule {
  constructor(changes: ChangeHandlers, handlers: VaultProfileHandlers, keeper: VaultProfileKeeper) {
    for (const handler of handlers.all) changes.add(handler);
    changes.addKeeper(keeper);
  }
}
