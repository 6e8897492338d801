import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { SubscriptionEntity } from './subscription.entity.js';

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One event for one subscription, and what became of it. */
@Entity({ name: 'notification_delivery' })
@Index('uq_notification_delivery_event', ['subscriptionId', 'eventId'], { unique: true })
@Index('ix_notification_delivery_due', ['subscriptionId', 'nextAttemptAt'], { where: `state = 'pending'` })
@Index('ix_notification_delivery_list', ['subscriptionId', 'id'])
@Index('ix_notification_delivery_age', ['createdAt'])
@Check('ck_notification_delivery_state', `state in ('pending', 'delivered', 'failed')`)
export class DeliveryEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  /** What the receiver knows the message by, however often it is sent. */
  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'subscription_id' })
  subscriptionId: string;

  @ManyToOne(() => SubscriptionEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    {
      name: 'store_id',
      referencedColumnName: 'storeId',
      foreignKeyConstraintName: 'fk_notification_delivery_subscription',
    },
    {
      name: 'subscription_id',
      referencedColumnName: 'id',
      foreignKeyConstraintName: 'fk_notification_delivery_subscription',
    },
  ])
  subscription?: Relation<SubscriptionEntity>;

  @Column('uuid', { name: 'event_id' })
  eventId: string;

  @Column('text')
  type: string;

  @Column('uuid', { name: 'subject_id', nullable: true })
  subjectId: string | null;

  @Column('jsonb')
  facts: object;

  /** When the event happened. */
  @Column({ type: 'timestamptz', name: 'occurred_at', precision: 3 })
  occurredAt: Date;

  @Column('text', { default: 'pending' })
  state: DeliveryState;

  @Column('integer', { default: 0 })
  attempts: number;

  @Column({ type: 'timestamptz', name: 'next_attempt_at', precision: 3 })
  nextAttemptAt: Date;

  /** Who is sending it, until {@link leasedUntil}. */
  @Column('uuid', { nullable: true })
  claim: string | null;

  @Column({ type: 'timestamptz', name: 'leased_until', precision: 3, nullable: true })
  leasedUntil: Date | null;

  /** What the receiver answered last. */
  @Column('integer', { name: 'status_code', nullable: true })
  statusCode: number | null;

  /** Why the last attempt failed, as a code. */
  @Column('text', { nullable: true })
  error: string | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;
}
