import { randomBytes } from 'node:crypto';
import { canonicalJson, parseContent } from '@claviger/vaults/contract';
import { fingerprint } from '../libs/features/src/secrets/content/index.js';
import { HmacKey } from '../libs/platform/src/crypto/hmac-key.js';

const MEASURE_MS = 500;
const ROUND = 2_000;

const SMALL = { username: 'application', password: 'correct horse battery staple', host: 'db.internal', port: 5432 };
const LARGE = Object.fromEntries(
  Array.from({ length: 200 }, (_, n) => [`field-${n}`, { value: randomBytes(60).toString('base64'), serial: n * 1.5 }]),
);

/** Contents per second on one core: parsed strictly, brought into canonical form, fingerprinted. */
export async function run(): Promise<Record<string, number>> {
  const key = new HmacKey(randomBytes(32));
  const mac = { keyId: '0123456789abcdef', hmac: (data: Buffer | string) => key.digest(data) };
  const rates: Record<string, number> = {};
  for (const [size, content] of Object.entries({ '100 bytes': SMALL, '20 KB': LARGE })) {
    const text = JSON.stringify(content);
    const parsed = parseContent(text);
    const canonical = canonicalJson(parsed);
    rates[`parsed, ${size}`] = measure(() => parseContent(text));
    rates[`brought into canonical form, ${size}`] = measure(() => canonicalJson(parsed));
    rates[`fingerprinted, ${size}`] = measure(() => fingerprint(mac, 'key-value', canonical));
  }
  return rates;
}

function measure(work: () => unknown): number {
  let count = 0;
  let elapsed = 0;
  for (let round = 0; elapsed < MEASURE_MS || round < 3; round++) {
    const startedAt = performance.now();
    for (let i = 0; i < ROUND / 20; i++) work();
    if (round === 0) continue;
    elapsed += performance.now() - startedAt;
    count += ROUND / 20;
  }
  return Math.round((count * 1_000) / elapsed);
}
