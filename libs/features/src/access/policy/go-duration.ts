const SECONDS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * A duration as Vault accepts it: seconds (a number or digits), a Go duration (`1h30m`, `1.5h`) or whole days (`30d`).
 * Returns seconds, possibly with a fraction; `undefined` when it is none of these, negative or not finite. An empty text
 * is 0, as Go clients send for "not set".
 */
export function parseDurationSeconds(input: string | number): number | undefined {
  const seconds = typeof input === 'number' ? input : textSeconds(input.trim());
  return seconds !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

function textSeconds(text: string): number | undefined {
  if (text === '') return 0;
  if (/^\d+$/.test(text)) return Number(text);
  if (/^\d+d$/.test(text)) return Number(text.slice(0, -1)) * 86_400;
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const part = PART.exec(text);
    if (!part) return undefined;
    total += Number(part[1]) * SECONDS_PER_UNIT[part[2]!]!;
  }
  return total;
}
