import type { Pack } from './pack.js';

/** What expires by itself: tokens and certificates. */
export const TOKENS_AND_CERTIFICATES: Pack = {
  name: 'tokens-and-certificates',
  title: 'Tokens and certificates',
  description: 'Lifetime, signature and expiry of what others issued.',
  rules: [
    {
      id: 'jwt-no-expiry',
      title: 'A token expires',
      severity: 'high',
      mode: 'warn',
      types: ['jwt'],
      brokenWhen: { all: [{ fact: 'jwtHasExpiry', operator: 'equal', value: false }] },
      remediation: 'Have the issuer set exp.',
    },
    {
      id: 'jwt-long-lived',
      title: 'A token is issued for at most 90 days',
      severity: 'medium',
      mode: 'warn',
      types: ['jwt'],
      brokenWhen: { all: [{ fact: 'jwtLifetimeDays', operator: 'greaterThan', value: 90 }] },
      remediation: 'Have the issuer make shorter ones, and rotate them.',
    },
    {
      id: 'jwt-symmetric',
      title: 'A token is signed by a key that its readers do not have',
      severity: 'low',
      mode: 'observe',
      types: ['jwt'],
      brokenWhen: { all: [{ fact: 'jwtAlgorithm', operator: 'in', value: ['HS256', 'HS384', 'HS512'] }] },
      remediation: 'Have it signed with RS256, ES256 or EdDSA: who can check an HS token can make one.',
    },
    {
      id: 'jwt-expired',
      title: 'A token has not expired',
      severity: 'high',
      mode: 'warn',
      types: ['jwt'],
      brokenWhen: { all: [{ fact: 'tokenExpiresInDays', operator: 'lessThan', value: 0 }] },
      remediation: 'Put a new token in, or delete the secret if nothing uses it.',
    },
    {
      id: 'certificate-expiring',
      title: 'The certificates of a key store are good for another 30 days',
      severity: 'high',
      mode: 'warn',
      types: ['key-store'],
      brokenWhen: { all: [{ fact: 'certificateExpiresInDays', operator: 'lessThan', value: 30 }] },
      remediation: 'Renew the certificate that expires first.',
    },
    {
      id: 'certificate-expired',
      title: 'No certificate of a key store has expired',
      severity: 'critical',
      mode: 'warn',
      types: ['key-store'],
      brokenWhen: { all: [{ fact: 'certificateExpiresInDays', operator: 'lessThan', value: 0 }] },
      remediation: 'Renew the certificate now, or take it out of the key store.',
    },
  ],
};
