import { AppError } from '@claviger/kernel';
import type { SubscriptionKind } from './subscription.entity.js';

const WORDS: Readonly<Record<SubscriptionKind, string>> = { webhook: 'webhook', mail: 'mail subscription' };
const CODES: Readonly<Record<SubscriptionKind, string>> = { webhook: 'WEBHOOK', mail: 'MAIL_SUBSCRIPTION' };

export const subscriptionNotFound = (kind: SubscriptionKind): AppError =>
  new AppError({
    code: `${CODES[kind]}_NOT_FOUND`,
    kind: 'not_found',
    message: `There is no ${WORDS[kind]} of this name.`,
  });

export const subscriptionExists = (kind: SubscriptionKind, name: string): AppError =>
  new AppError({
    code: `${CODES[kind]}_EXISTS`,
    kind: 'conflict',
    message: `There is a ${WORDS[kind]} named ${name} already. Choose another name.`,
    details: { name },
  });

export const deliveryNotFound = (): AppError =>
  new AppError({
    code: 'DELIVERY_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such delivery; ended ones are kept for 30 days.',
  });

/** It will be sent without being asked for again. */
export const deliveryPending = (): AppError =>
  new AppError({
    code: 'DELIVERY_PENDING',
    kind: 'conflict',
    message: 'The delivery has not ended yet. It can be replayed when it is delivered or failed.',
  });
