import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The claim of one secret, through one profile, to the physical address of one object. */
@Entity({ name: 'backend_place' })
@Index('uq_backend_place', ['serverIdentity', 'physicalName'], { unique: true })
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

  /** Set when the object is to be gone but its absence is not verified yet; the place stays taken. */
  @Column('timestamptz', { name: 'released_at', precision: 3, nullable: true })
  releasedAt: Date | null;

  @Column('timestamptz', { name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
