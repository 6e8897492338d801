import { BackendPlaceEntity } from './backend-place.entity.js';
import { VaultInstanceEntity } from './vault-instance.entity.js';
import { VaultProfileEntity } from './vault-profile.entity.js';

export const VAULT_PROFILE_ENTITIES = [BackendPlaceEntity, VaultInstanceEntity, VaultProfileEntity];

export { BackendPlaces, type PlaceClaim } from './backend-places.js';
export { inputInvalid, parseInput } from './input-problems.js';
export { LIST_SORTS, listPosition, type ListPosition, type ListQuery, type ListSort } from './list-query.js';
export { renderName, type NamedSecret } from './name-template.js';
export { VaultConnections, type OpenVault } from './vault-connections.js';
export { VaultInstanceService, type ChangeOptions, type SaveOptions } from './vault-instance.service.js';
export {
  newVaultInstance,
  vaultInstanceChanges,
  type NewVaultInstance,
  type VaultInstanceChanges,
} from './vault-instance.schema.js';
export type { VaultInstance } from './vault-instance.js';
export { VaultKindRegistry } from './vault-kind-registry.js';
export { VaultProfileService, type UpdatedProfile } from './vault-profile.service.js';
export {
  labels,
  newVaultProfile,
  REPAIRS,
  vaultProfileChanges,
  type NewVaultProfile,
  type Repair,
  type VaultProfileChanges,
} from './vault-profile.schema.js';
export type { VaultProfile } from './vault-profile.js';
export * as vaultProfileErrors from './vault-profiles.errors.js';
export * from './vault-profiles.module.js';
