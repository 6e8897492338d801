import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How somebody is told. */
export type SubscriptionKind = 'webhook' | 'mail';

/** Why Claviger disabled one by itself: the receiver answered 410, or failed for days. */
export type DisabledReason = 'gone' | 'failing';

/** Who wants to hear of which events, and how: a webhook or a mail subscription. */
@Entity({ name: 'notification_subscription' })
@Index('uq_notification_subscription_name', ['storeId', 'kind', 'name'], { unique: true })
@Check('ck_notification_subscription_kind', `kind in ('webhook', 'mail')`)
export class SubscriptionEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: SubscriptionKind;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text')
  description: string;

  /** Exact types, `<noun>.*`, or `*`. */
  @Column('text', { name: 'event_types', array: true })
  eventTypes: string[];

  @Column('boolean', { name: 'is_enabled', default: true })
  isEnabled: boolean;

  /** Null where a person disabled it, or nobody did. */
  @Column('text', { name: 'disabled_reason', nullable: true })
  disabledReason: DisabledReason | null;

  /** The first failure since the last success. */
  @Column({ type: 'timestamptz', name: 'failing_since', precision: 3, nullable: true })
  failingSince: Date | null;

  /** Of a webhook. */
  @Column('text', { nullable: true })
  url: string | null;

  /** PEM of the only authorities trusted for the address; null for those that Node trusts. */
  @Column('text', { name: 'ca_certificate', nullable: true })
  caCertificate: string | null;

  /** What the messages of a webhook are signed with, sealed. */
  @Column('bytea', { nullable: true })
  secret: Buffer | null;

  /** The one before, sealed, with which they are signed too until {@link previousSecretUntil}. */
  @Column('bytea', { name: 'previous_secret', nullable: true })
  previousSecret: Buffer | null;

  @Column({ type: 'timestamptz', name: 'previous_secret_until', precision: 3, nullable: true })
  previousSecretUntil: Date | null;

  /** Of a mail subscription. */
  @Column('text', { nullable: true })
  address: string | null;

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
