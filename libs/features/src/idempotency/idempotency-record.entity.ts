import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** A request with an idempotency key, and its answer once there is one. The answer is sealed; key and request are hashes. */
@Entity({ name: 'idempotency_record' })
@Check('ck_idempotency_record_state', `"state" in ('running', 'finished')`)
export class IdempotencyRecordEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  /** Of the caller's identity and the key. */
  @PrimaryColumn('bytea', { name: 'key_hash' })
  keyHash: Buffer;

  @Column('uuid')
  id: string;

  @Column('text')
  identity: string;

  /** The token that the request was made with last. */
  @Column('text', { name: 'token_id' })
  tokenId: string;

  @Column('text')
  method: string;

  @Column('text')
  route: string;

  /** Of method, address and body as they were sent. */
  @Column('bytea', { name: 'request_hash' })
  requestHash: Buffer;

  @Column('text')
  state: 'running' | 'finished';

  @Column('uuid', { nullable: true })
  owner: string | null;

  @Column({ type: 'timestamptz', name: 'lease_until', precision: 3, nullable: true })
  leaseUntil: Date | null;

  @Column('integer', { nullable: true })
  status: number | null;

  @Column('jsonb', { nullable: true })
  headers: Readonly<Record<string, string>> | null;

  @Column('bytea', { nullable: true })
  answer: Buffer | null;

  /** What the caller was allowed, as `operation path`. */
  @Column('text', { array: true, nullable: true })
  granted: string[] | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3 })
  expiresAt: Date;
}
