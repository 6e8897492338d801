// Ends with 0 when the process of this container is of use: node deploy/health-check.mjs
const { CLAVIGER_METRICS_HOST: host = '127.0.0.1', CLAVIGER_METRICS_PORT: port } = process.env;
// What listens everywhere is asked here.
const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;

try {
  const { ok } = await fetch(`http://${address.includes(':') ? `[${address}]` : address}:${port}/readyz`, {
    signal: AbortSignal.timeout(4_000),
  });
  process.exit(ok ? 0 : 1);
} catch {
  process.exit(1);
}
