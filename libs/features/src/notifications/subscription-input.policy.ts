import { X509Certificate } from 'node:crypto';
import { principalErrors } from '@claviger/features/principals';
import { EVENT_PATTERNS } from './event-filter.policy.js';

const { inputInvalid } = principalErrors;

/** The largest of what a subscription may hold, in characters or entries. */
export const SUBSCRIPTION_LIMITS = {
  name: 128,
  description: 256,
  url: 2_048,
  certificates: 65_536,
  address: 254,
} as const;

const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const TEXT = /^[^\p{C}]{0,256}$/u;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
/** One mailbox, in ASCII, without quotes, comments or a display name: nothing that could name a second one. */
const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?$/;

/** True for 1 to 128 of `a-z 0-9 . _ -` that begin with a letter or digit. */
export function isSubscriptionName(text: string): boolean {
  return NAME.test(text);
}

/** @throws AppError INPUT_INVALID */
export function checkSubscriptionName(text: string): void {
  if (!isSubscriptionName(text))
    throw inputInvalid('name', '1 to 128 of a-z, 0-9, ".", "_" and "-" are allowed, beginning with a letter or digit');
}

/** @throws AppError INPUT_INVALID */
export function checkDescription(text: string): void {
  if (!TEXT.test(text)) throw inputInvalid('description', 'at most 256 printable characters are allowed');
}

/** The words of a filter, each once. @throws AppError INPUT_INVALID */
export function checkedFilter(words: readonly string[]): string[] {
  if (words.length > 0 && words.every((word) => EVENT_PATTERNS.includes(word))) return [...new Set(words)].sort();
  throw inputInvalid('eventTypes', 'one or more of "*", types of events and "<noun>.*" are allowed');
}

/** http is judged again when it is used: then its address is known. @throws AppError INPUT_INVALID */
export function checkWebhookUrl(text: string): void {
  const url = URL.canParse(text) && text.length <= SUBSCRIPTION_LIMITS.url ? new URL(text) : undefined;
  const isGood = url && ['https:', 'http:'].includes(url.protocol) && url.username + url.password + url.hash === '';
  if (!isGood)
    throw inputInvalid('url', 'an https address (or http in a private network) is allowed, without user or #');
}

/** The certificates of a PEM text and nothing else that stands in it. @throws AppError INPUT_INVALID */
export function checkedAuthorities(text: string): string {
  const blocks = text.length > SUBSCRIPTION_LIMITS.certificates ? [] : (text.match(CERTIFICATE) ?? []);
  if (blocks.length > 0 && blocks.every(isCertificate) && !text.includes('PRIVATE KEY')) return blocks.join('\n');
  throw inputInvalid('caCertificate', 'one or more certificates in PEM are allowed, and no key');
}

/** @throws AppError INPUT_INVALID */
export function checkAddress(text: string): void {
  if (text.length > SUBSCRIPTION_LIMITS.address || !ADDRESS.test(text))
    throw inputInvalid('address', 'one e-mail address is allowed, without a display name');
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0;
  } catch {
    return false;
  }
}
