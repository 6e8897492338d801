import { Module } from '@nestjs/common';
import { Outbox } from './outbox.js';

/** The outbox of events. */
@Module({ providers: [Outbox], exports: [Outbox] })
export class NotificationsModule {}
