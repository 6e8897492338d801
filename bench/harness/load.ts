import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type Load = {
  /** `http://host:port`. */
  readonly origin: string;
  readonly method: 'GET' | 'PUT' | 'POST';
  /** Asked for in turn. */
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** JSON in which `@` stands for a number that is another one in each request. */
  readonly body?: string;
  readonly connections: number;
  readonly seconds: number;
};

export type LoadResult = {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** The load generators: wrk where it is in PATH, as it needs little CPU itself, else autocannon. */
export const GENERATOR = findWrk() === undefined ? 'autocannon' : 'wrk';

/** Sends requests over keep-alive connections, each the next as soon as the last is answered. @throws Error for any answer but 2xx */
export async function generateLoad(load: Load): Promise<LoadResult> {
  const wrk = findWrk();
  const { refused, ...result } = wrk ? await withWrk(wrk, load) : await withAutocannon(load);
  if (refused > 0 || result.requests === 0)
    throw new Error(`${refused} of ${result.requests} requests to ${load.origin} were refused or failed.`);
  return result;
}

/**
 * Sends several loads at the same time, as a proxy would share one out. Rates are added up; the median is the mean of theirs by
 * their requests, and the slowest hundredth that of the slower one.
 */
export async function generateLoads(loads: readonly Load[]): Promise<LoadResult> {
  const results = await Promise.all(loads.map(generateLoad));
  const sum = (of: (result: LoadResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  const requests = sum((result) => result.requests);
  return {
    requests,
    perSecond: sum((result) => result.perSecond),
    p50Ms: sum((result) => result.p50Ms * result.requests) / requests,
    p99Ms: Math.max(...results.map((result) => result.p99Ms)),
  };
}

type Counted = LoadResult & { readonly refused: number };

function findWrk(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'wrk'))
    .find((file) => existsSync(file));
}

async function withWrk(wrk: string, load: Load): Promise<Counted> {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-load-'));
  try {
    const script = join(folder, 'load.lua');
    writeFileSync(script, luaScript(load));
    const args = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '10s', '-s', script, load.origin];
    const { stdout } = await run(wrk, args);
    const line = stdout.slice(stdout.lastIndexOf('\n{') + 1);
    const { requests, microseconds, p50, p99, refused } = JSON.parse(line) as Record<string, number>;
    return {
      requests: requests!,
      perSecond: requests! / (microseconds! / 1e6),
      p50Ms: p50! / 1_000,
      p99Ms: p99! / 1_000,
      refused: refused!,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Requests without a body are made once; the numbers begin at the clock, so that two runs never send the same one. */
function luaScript({ method, paths, headers, body }: Load): string {
  const lua = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
  const headerTable = Object.entries(headers).map(([name, value]) => `[${lua(name)}]=${lua(value)}`);
  const [before = '', after = ''] = body?.split('@') ?? [];
  return `
wrk.method = ${lua(method)}
for name, value in pairs({${headerTable.join(',')}}) do wrk.headers[name] = value end
local paths = {${paths.map(lua).join(',')}}
local at, number, requests = 0, os.time() * 1000, {}
function init(args)
  ${body === undefined ? 'for i, path in ipairs(paths) do requests[i] = wrk.format(nil, path) end' : ''}
end
function request()
  at = at % #paths + 1
  ${
    body === undefined
      ? 'return requests[at]'
      : `number = number + 1
  return wrk.format(nil, paths[at], nil, ${lua(before)} .. string.format("%d", number) .. ${lua(after)})`
  }
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}

async function withAutocannon({ origin, method, paths, headers, body, connections, seconds }: Load): Promise<Counted> {
  const { default: autocannon } = (await import('autocannon' as string)) as { default: Autocannon };
  let number = Date.now();
  const result = await autocannon({
    url: origin,
    connections,
    duration: seconds,
    requests: paths.map((path) => ({
      method,
      path,
      headers,
      ...(body === undefined
        ? {}
        : { setupRequest: (request) => ({ ...request, body: body.replace('@', String((number += 1))) }) }),
    })),
  });
  return {
    requests: result.requests.total,
    perSecond: result.requests.total / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    refused: result.non2xx + result.errors + result.timeouts,
  };
}

/** What is used of autocannon, which has no types. */
type Autocannon = (options: {
  url: string;
  connections: number;
  duration: number;
  requests: { method: string; path: string; headers: object; setupRequest?: (request: object) => object }[];
}) => Promise<{
  requests: { total: number };
  duration: number;
  latency: { p50: number; p99: number };
  non2xx: number;
  errors: number;
  timeouts: number;
}>;
