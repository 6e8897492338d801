import { Module } from '@nestjs/common';
import { OutboxListeners } from './outbox-listeners.js';
import { Outbox } from './outbox.js';

/** The outbox of events, and who hears of each. */
@Module({ providers: [Outbox, OutboxListeners], exports: [Outbox, OutboxListeners] })
export class NotificationsModule {}
