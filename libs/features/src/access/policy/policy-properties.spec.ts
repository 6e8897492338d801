import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CAPABILITIES, OPERATIONS, type Capability, type Operation } from './capability.js';
import { compilePolicies } from './policy-compiler.js';
import type { NamedPolicy } from './parsed-policy.js';
import type { PolicyMatcher } from './policy-matcher.js';
import { parsePolicy } from './policy-parser.js';

/** Pairs of a pattern and its capabilities; patterns may repeat. */
type Grants = readonly (readonly [pattern: string, capabilities: readonly Capability[]])[];

// Few and overlapping words, so that patterns and paths meet.
const word = fc.constantFrom('a', 'ab', 'b', 'data', '+b', 'a+b', 'é', '');
const segment = fc.oneof({ weight: 3, arbitrary: word }, { weight: 1, arbitrary: fc.constant('+') });
const path = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('/'));
const pattern = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '', '*', '/*', '/'))
  .map(([segments, end]) => segments.join('/') + end)
  .filter((text) => !text.includes('+*'));
const capabilities = fc.uniqueArray(fc.constantFrom(...CAPABILITIES), { maxLength: 4 });
const grants: fc.Arbitrary<Grants> = fc.array(fc.tuple(pattern, capabilities), { maxLength: 12 });
const policies = fc.array(grants, { maxLength: 4 });
const operation = fc.constantFrom(...OPERATIONS.filter((word) => word !== 'help'));

const toText = (given: Grants): string =>
  JSON.stringify({ path: given.map(([text, granted]) => ({ [text]: { capabilities: granted } })) });

const toPolicies = (all: readonly Grants[]): readonly NamedPolicy[] =>
  all.map((given, index) => ({ name: `p${index}`, policy: parsePolicy(toText(given)) }));

const compile = (all: readonly Grants[]): PolicyMatcher => compilePolicies(toPolicies(all), { now: new Date(0) });

/** The specification, written down slowly: no index, no cleverness, every rule of the language on its own line. */
function slowAnswer(all: readonly Grants[], requested: string, wanted: Operation): string {
  const merged = new Map<string, Set<Capability>>();
  for (const [text, granted] of all.flat()) {
    const key = text.replace(/^\//, '');
    merged.set(key, new Set([...(merged.get(key) ?? []), ...granted]));
  }
  const target = requested.replace(/^\/+/, '');
  const isList = wanted === 'list' || wanted === 'scan';
  const winner =
    slowExact(merged, target) ??
    (isList ? slowExact(merged, target.replace(/\/$/, '')) : undefined) ??
    slowPattern(merged, target) ??
    (isList ? slowPattern(merged, target.replace(/\/$/, '')) : undefined);
  if (winner === undefined) return 'no rule';
  const granted = merged.get(winner)!;
  return `${granted.has('deny') || !granted.has(wanted as Capability) ? 'refused' : 'allowed'} by ${winner}`;
}

const isPattern = (text: string): boolean => text.endsWith('*') || /(^|\/)\+(\/|$)|\/\+/.test(text);

function slowExact(merged: ReadonlyMap<string, unknown>, target: string): string | undefined {
  return merged.has(target) && !isPattern(target) ? target : undefined;
}

function slowPattern(merged: ReadonlyMap<string, unknown>, target: string): string | undefined {
  const candidates = [...merged.keys()].filter((text) => isPattern(text) && slowMatches(text, target));
  return candidates.sort(slowOrder).at(-1);
}

function slowMatches(text: string, target: string): boolean {
  const hasPlus = /(^|\/)\+(\/|$)|\/\+/.test(text);
  const escape = (literal: string): string => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const body = text
    .replace(/\*$/, '')
    .split('/')
    .map((part) => (hasPlus && part === '+' ? '[^/]*' : escape(part)))
    .join('/');
  return new RegExp(`^${body}${text.endsWith('*') ? '.*' : ''}$`, 'su').test(target);
}

function slowOrder(a: string, b: string): number {
  const facts = (text: string): readonly number[] => {
    const literal = text.replace(/\*$/, '');
    const hasPlus = /(^|\/)\+(\/|$)|\/\+/.test(text);
    return [
      Buffer.byteLength(hasPlus ? text.slice(0, text.indexOf('+')) : literal),
      text.endsWith('*') ? 0 : 1,
      hasPlus ? -literal.split('/').filter((part) => part === '+').length : 0,
      Buffer.byteLength(literal),
    ];
  };
  const [left, right] = [facts(a), facts(b)];
  const differing = left.findIndex((value, index) => value !== right[index]);
  if (differing >= 0) return left[differing]! - right[differing]!;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function answer(matcher: PolicyMatcher, requested: string, wanted: Operation): string {
  const { allowed, rule } = matcher.match(requested, wanted);
  return rule ? `${allowed ? 'allowed' : 'refused'} by ${rule.pattern}` : 'no rule';
}

const RUNS = { numRuns: 500 };

describe('compiled policies', () => {
  it('answer as the slow specification does', () => {
    fc.assert(
      fc.property(policies, fc.array(path, { minLength: 1, maxLength: 8 }), operation, (all, paths, wanted) => {
        const matcher = compile(all);
        for (const requested of paths) {
          for (const variant of [requested, `${requested}/`, `/${requested}`]) {
            expect(answer(matcher, variant, wanted)).toBe(slowAnswer(all, variant, wanted));
          }
        }
      }),
      RUNS,
    );
  });

  it('do not depend on the order of policies, nor on that of their paths', () => {
    const shuffled = policies.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.tuple(
          ...all.map((given) => fc.shuffledSubarray([...given], { minLength: given.length, maxLength: given.length })),
        ),
      ),
    );
    fc.assert(
      fc.property(shuffled, path, operation, ([all, mixed], requested, wanted) => {
        const straight = compile(all).match(requested, wanted);
        const reversed = compilePolicies([...toPolicies(mixed)].reverse(), { now: new Date(0) });
        expect(reversed.match(requested, wanted)).toEqual(straight);
      }),
      RUNS,
    );
  });

  it('answer the same however often they are compiled', () => {
    fc.assert(
      fc.property(policies, path, operation, (all, requested, wanted) => {
        expect(compile(all).match(requested, wanted)).toEqual(compile(all).match(requested, wanted));
      }),
    );
  });

  it('are not changed by a policy none of whose patterns can match the path', () => {
    fc.assert(
      fc.property(policies, grants, path, operation, (all, added, requested, wanted) => {
        const target = requested.replace(/^\/+/, '');
        const targets = [target, target.replace(/\/$/, '')];
        const canMatch = (text: string): boolean => targets.some((t) => text === t || slowMatches(text, t));
        fc.pre(!added.some(([text]) => canMatch(text.replace(/^\//, ''))));
        expect(answer(compile([...all, added]), requested, wanted)).toBe(answer(compile(all), requested, wanted));
      }),
      RUNS,
    );
  });

  it('let deny win in its own pattern, whatever other policies grant there', () => {
    fc.assert(
      fc.property(policies, pattern, path, operation, (all, denied, requested, wanted) => {
        const result = compile([...all, [[denied, ['deny']]]]).match(requested, wanted);
        if (result.rule?.pattern === denied.replace(/^\//, '')) expect(result.allowed).toBe(false);
      }),
      RUNS,
    );
  });

  it('let an exact path beat every pattern', () => {
    fc.assert(
      fc.property(policies, path, operation, capabilities, (all, requested, wanted, granted) => {
        fc.pre(!isPattern(requested) && !requested.startsWith('/'));
        const others = all.map((given) => given.filter(([text]) => text.replace(/^\//, '') !== requested));
        const result = compile([...others, [[requested, granted]]]).match(requested, wanted);
        expect(result.allowed).toBe(granted.includes(wanted as Capability) && !granted.includes('deny'));
      }),
      RUNS,
    );
  });

  it('grant the same on the root of a list with and without a slash in an exact pattern', () => {
    fc.assert(
      fc.property(path, fc.constantFrom<Operation>('list', 'scan'), (requested, wanted) => {
        fc.pre(!isPattern(requested) && !/^\/|\/$/.test(requested) && requested !== '');
        for (const text of [requested, `${requested}/`]) {
          expect(compile([[[text, [wanted as Capability]]]]).match(`${requested}/`, wanted).allowed).toBe(true);
        }
      }),
    );
  });
});
