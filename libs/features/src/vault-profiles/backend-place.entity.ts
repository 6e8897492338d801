import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import { VaultProfileEntity } from './vault-profile.entity.js';

/**
 * The claim of one secret, through one profile, to the physical address of one object. It stays until the object's
 * absence is verified, or Claviger gives the object up.
 */
@Entity({ name: 'backend_place' })
@Unique('uq_backend_place', ['serverIdentity', 'physicalName'])
@ForeignKey(() => VaultProfileEntity, ['storeId', 'profileId'], ['storeId', 'id'], { name: 'fk_backend_place_profile' })
@Index('ix_backend_place_secret', ['storeId', 'secretId'])
@Index('ix_backend_place_profile', ['storeId', 'profileId'])
export class BackendPlaceEntity {
  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'store_id' })
  storeId: string;

  @Column('text', { name: 'server_identity' })
  serverIdentity: string;

  /** Canonical: `VaultConnection.canonicalPlace`. */
  @Column('text', { name: 'physical_name' })
  physicalName: string;

  @Column('uuid', { name: 'profile_id' })
  profileId: string;

  @Column('uuid', { name: 'secret_id' })
  secretId: string;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
