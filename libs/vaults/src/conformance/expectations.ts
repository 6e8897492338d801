import assert from 'node:assert/strict';
import { inspect, types } from 'node:util';
import {
  canonicalJson,
  isVaultError,
  parseContent,
  type BackendVersion,
  type VaultError,
  type VaultErrorCode,
} from '../contract/index.js';
import type { CaseContext } from './case-context.js';

const ANY_SIZE = Number.MAX_SAFE_INTEGER;

/** Waits for the failure that a case is about. @throws AssertionError when it succeeds or fails in another way */
export async function refuses(code: VaultErrorCode, attempt: Promise<unknown>): Promise<VaultError> {
  const error = await failureOf(attempt);
  if (error === undefined) assert.fail(`expected ${code}, but the call succeeded`);
  if (!isVaultError(error)) assert.fail(`expected a VaultError ${code}, got ${describeFailure(error)}`);
  assert.equal(error.vaultCode, code, `expected ${code}, got ${error.vaultCode}`);
  return error;
}

/** What the attempt fails with; undefined when it succeeds. */
export async function failureOf(attempt: Promise<unknown>): Promise<Error | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    // Errors of Node's own are of another realm under Jest, where instanceof does not know them.
    return types.isNativeError(error) ? error : new Error(`a ${typeof error} was thrown, which is no error`);
  }
}

/** The object's content (of a version, or the current one) is the same JSON as `text`. */
export async function holds(ctx: CaseContext, name: string, text: string, version?: BackendVersion): Promise<void> {
  sameJson((await ctx.read(name, version)).text, text);
}

/** Both texts are the same JSON value, numbers compared as exact decimals. */
export function sameJson(actual: string, expected: string): void {
  if (actual === expected) return;
  assert.ok(canonicalText(actual) === canonicalText(expected), 'the content came back changed');
}

function canonicalText(text: string): string {
  return canonicalJson(parseContent(text, ANY_SIZE));
}

/** Nothing of that name is there: no content, no metadata, not in the list of its folder. */
export async function isAbsent(ctx: CaseContext, name: string): Promise<void> {
  await refuses('NOT_FOUND', ctx.describe(name));
  await refuses('NOT_FOUND', ctx.read(name));
  assert.ok(!(await ctx.list('', { recursive: true })).includes(name), `${JSON.stringify(name)} is still listed`);
}

/** Splits what happened to concurrent attempts: how many succeeded and the errors of the rest. */
export async function race(
  attempts: readonly Promise<unknown>[],
): Promise<{ winners: readonly number[]; losers: readonly unknown[] }> {
  const settled = await Promise.allSettled(attempts);
  return {
    winners: settled.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : [])),
    losers: settled.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])),
  };
}

/** Exactly one attempt won and all others were refused with the code. Gives the index of the winner. */
export async function oneWins(code: VaultErrorCode, attempts: readonly Promise<unknown>[]): Promise<number> {
  const { winners, losers } = await race(attempts);
  assert.equal(winners.length, 1, `expected one winner, ${winners.length} of ${attempts.length} won`);
  for (const error of losers) assert.ok(isVaultError(error, code), `a loser got ${describeFailure(error)}`);
  return winners[0]!;
}

/**
 * No form of the secret text is found anywhere in the error: message, stack, own fields, details, and the same of its
 * whole cause chain; as text, and in the encodings that a URL, a header or a buffer would carry.
 */
export function leaksNothing(error: unknown, ...secrets: readonly string[]): void {
  const seen = everyTextOf(error);
  for (const secret of secrets) {
    const forms = [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      Buffer.from(secret).toString('hex'),
    ];
    for (const form of forms) assert.ok(!seen.includes(form), 'the error carries a secret');
  }
}

function everyTextOf(error: unknown): string {
  const texts: string[] = [];
  const visited = new Set<unknown>();
  let current = error;
  while (current !== undefined && !visited.has(current)) {
    visited.add(current);
    texts.push(inspect(current, { depth: Infinity, showHidden: true, maxStringLength: null, maxArrayLength: null }));
    texts.push(JSON.stringify(current) ?? '');
    if (!types.isNativeError(current)) break;
    texts.push(`${current.toString()} ${current.message} ${current.stack}`);
    texts.push(JSON.stringify(Object.getOwnPropertyDescriptors(current)));
    current = current.cause;
  }
  return texts.join('\n');
}

/** Names a failure without printing what it may carry. */
function describeFailure(error: unknown): string {
  if (isVaultError(error)) return `VaultError ${error.vaultCode}`;
  return types.isNativeError(error) ? `${error.name} (${error.message})` : typeof error;
}
