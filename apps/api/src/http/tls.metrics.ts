import { METRICS } from '@claviger/platform/metrics';

export const CERTIFICATE_EXPIRY = METRICS.gauge({
  name: 'claviger_tls_certificate_expiry_seconds',
  help: 'When the certificate that the API listens with expires, in seconds since 1970.',
});

export const RELOADS_FAILED = METRICS.counter({
  name: 'claviger_tls_reloads_failed_total',
  help: 'Changes of the certificate or its key that could not be taken over.',
});
