import { compilePolicies, parsePolicy, type Operation, type PolicyMatcher } from '@claviger/features/access';

const RULE_COUNTS = [10, 100, 1000] as const;
const MEASURE_MS = 400;
const ROUND = 20_000;

/**
 * Policy matches per second on one core, for 10, 100 and 1,000 rules of mixed shapes: exact paths, globs, `+` patterns,
 * and a path that no rule knows.
 */
export async function run(): Promise<Record<string, number>> {
  const rates: Record<string, number> = {};
  for (const count of RULE_COUNTS) {
    const matcher = matcherOf(count);
    const middle = Math.floor(count / 6);
    const questions: Readonly<Record<string, string>> = {
      exact: `team-${middle}/data/config`,
      glob: `team-${middle}/data/services/payments/database`,
      segments: `zone-${middle}/metadata/services/payments`,
      none: 'another/data/services/payments',
    };
    for (const [kind, path] of Object.entries(questions)) {
      rates[`matches per second, ${count} rules, ${kind}`] = measure(matcher, path);
    }
  }
  return rates;
}

function matcherOf(count: number): PolicyMatcher {
  const shapes = [
    (n: number) => `team-${n}/data/config`,
    (n: number) => `team-${n}/data/services/*`,
    (n: number) => `zone-${n}/+/services/payments`,
  ];
  const patterns = Array.from({ length: count }, (_, n) => shapes[n % 3]!(Math.floor(n / 3)));
  const path = Object.fromEntries(patterns.map((pattern) => [pattern, { capabilities: ['read'] }]));
  return compilePolicies([{ name: 'bench', policy: parsePolicy(JSON.stringify({ path })) }], { now: new Date() });
}

/** Paths come from requests, so each round asks with a string of its own and not with one whose hash is known. */
function measure(matcher: PolicyMatcher, path: string): number {
  const operation: Operation = 'read';
  let matches = 0;
  let elapsed = 0;
  let allowed = 0;
  for (let round = 0; elapsed < MEASURE_MS || round < 3; round++) {
    const paths = Array.from({ length: ROUND }, () => Buffer.from(path).toString());
    const startedAt = performance.now();
    for (const fresh of paths) if (matcher.match(fresh, operation).allowed) allowed++;
    if (round === 0) continue;
    elapsed += performance.now() - startedAt;
    matches += ROUND;
  }
  return allowed < 0 ? 0 : Math.round((matches / elapsed) * 1000);
}
