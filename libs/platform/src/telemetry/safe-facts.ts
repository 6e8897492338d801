import type { LogFact, LogFacts } from './logger.js';

const MAX_LENGTH = 256;

/** Names under which nothing is written, whatever a caller passes: they hold values somewhere in this product. */
const NEVER_WRITTEN = new Set([
  'authorization',
  'body',
  'content',
  'cookie',
  'credentials',
  'data',
  'headers',
  'passphrase',
  'password',
  'payload',
  'privatekey',
  'query',
  'rootkey',
  'secret',
  'token',
  'url',
  'value',
  'xvaulttoken',
]);

/**
 * What of a call's facts is written: primitives, shortened to 256 characters. The types promise primitives; this holds
 * where they were escaped, because a Buffer, a header map or an error would serialise with everything in it.
 */
export function safeFacts(facts: LogFacts | undefined): Record<string, LogFact> {
  const safe: Record<string, LogFact> = {};
  if (!facts) return safe;
  for (const [name, fact] of Object.entries(facts)) safe[name] = isNeverWritten(name) ? '[redacted]' : safeFact(fact);
  return safe;
}

function isNeverWritten(name: string): boolean {
  return NEVER_WRITTEN.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

function safeFact(fact: unknown): LogFact {
  if (fact === null || fact === undefined || typeof fact === 'number' || typeof fact === 'boolean') return fact;
  if (typeof fact === 'string') return fact.length > MAX_LENGTH ? `${fact.slice(0, MAX_LENGTH)}…` : fact;
  return '[not logged]';
}
