import type { Pack } from './pack.js';

/** Asymmetric and symmetric keys. Sizes: NIST SP 800-57 part 1, table 4 (112 bits of strength are the least). */
export const KEYS: Pack = {
  name: 'keys',
  title: 'Private and secret keys',
  description: 'Size, algorithm and protection of keys.',
  rules: [
    {
      id: 'rsa-short',
      title: 'An RSA or DSA key has at least 2048 bits',
      severity: 'critical',
      mode: 'warn',
      types: ['private-key'],
      brokenWhen: {
        all: [
          { fact: 'keyAlgorithm', operator: 'in', value: ['rsa', 'rsa-pss', 'dsa'] },
          { fact: 'keyBits', operator: 'lessThan', value: 2_048 },
        ],
      },
      remediation: 'Make a new key of 3072 bits or more, or an Ed25519 key.',
    },
    {
      id: 'rsa-under-3072',
      title: 'An RSA key has at least 3072 bits',
      severity: 'low',
      mode: 'observe',
      types: ['private-key'],
      brokenWhen: {
        all: [
          { fact: 'keyAlgorithm', operator: 'in', value: ['rsa', 'rsa-pss'] },
          { fact: 'keyBits', operator: 'lessThan', value: 3_072 },
        ],
      },
      remediation: 'Take 3072 bits or more for the next key: shorter ones should not be used beyond 2030.',
    },
    {
      id: 'dsa',
      title: 'No DSA keys',
      severity: 'medium',
      mode: 'warn',
      types: ['private-key'],
      brokenWhen: { all: [{ fact: 'keyAlgorithm', operator: 'equal', value: 'dsa' }] },
      remediation: 'Make a new key of another algorithm: signing with DSA was withdrawn by FIPS 186-5.',
    },
    {
      id: 'curve-small',
      title: 'An elliptic curve has at least 256 bits',
      severity: 'high',
      mode: 'warn',
      types: ['private-key'],
      brokenWhen: {
        all: [
          { fact: 'keyAlgorithm', operator: 'equal', value: 'ec' },
          { fact: 'keyBits', operator: 'lessThan', value: 256 },
        ],
      },
      remediation: 'Make a new key on P-256 or a larger curve, or an Ed25519 key.',
    },
    {
      id: 'private-key-open',
      title: 'A private key is under a passphrase',
      severity: 'low',
      mode: 'observe',
      types: ['private-key'],
      brokenWhen: { all: [{ fact: 'isKeyEncrypted', operator: 'equal', value: false }] },
      remediation: 'Encrypt the key, if what reads it can take a passphrase from elsewhere.',
    },
    {
      id: 'secret-key-short',
      title: 'A secret key has at least 128 bits',
      severity: 'critical',
      mode: 'warn',
      types: ['secret-key'],
      brokenWhen: { all: [{ fact: 'keyBits', operator: 'lessThan', value: 128 }] },
      remediation: 'Generate a new key of 256 bits.',
    },
    {
      id: 'secret-key-algorithm',
      title: 'No DES and no triple DES',
      severity: 'high',
      mode: 'warn',
      types: ['secret-key'],
      brokenWhen: {
        any: ['DES', 'des', '3DES', '3des', 'TripleDES', 'TDEA'].map((value) => ({
          fact: 'keyAlgorithm',
          operator: 'startsWith',
          value,
        })),
      },
      remediation: 'Move to AES with 256 bits: triple DES was withdrawn at the end of 2023 (NIST SP 800-67).',
    },
    {
      id: 'key-store-jks',
      title: 'Key stores are PKCS #12',
      severity: 'low',
      mode: 'observe',
      types: ['key-store'],
      brokenWhen: { all: [{ fact: 'keyStoreFormat', operator: 'equal', value: 'JKS' }] },
      remediation: 'Convert it: keytool -importkeystore -deststoretype PKCS12. JKS protects keys with SHA-1 only.',
    },
  ],
};
