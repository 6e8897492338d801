import type { Pack } from './pack.js';

/** Passwords, API keys and texts, by classes of length and strength. */
export const PASSWORDS: Pack = {
  name: 'passwords',
  title: 'Passwords and API keys',
  description: 'Judged by classes of length and strength, never by a value.',
  rules: [
    {
      id: 'password-short',
      title: 'A password has at least 12 characters',
      severity: 'high',
      mode: 'warn',
      types: ['basic-auth'],
      brokenWhen: { all: [{ fact: 'valueLength', operator: 'in', value: ['1-7', '8-11'] }] },
      remediation: 'Generate a new password of 24 characters, and rotate it where it is used.',
    },
    {
      id: 'password-weak',
      title: 'A password is not easy to guess',
      severity: 'high',
      mode: 'warn',
      types: ['basic-auth'],
      brokenWhen: { all: [{ fact: 'strength', operator: 'equal', value: 'low' }] },
      remediation: 'Generate a new password: one with more different characters, and no repetition.',
    },
    {
      id: 'api-key-short',
      title: 'An API key has at least 16 characters',
      severity: 'medium',
      mode: 'warn',
      types: ['api-key'],
      brokenWhen: { all: [{ fact: 'valueLength', operator: 'in', value: ['1-7', '8-11', '12-15'] }] },
      remediation: 'Have the issuer make a longer key, or check that this is the key and not its name.',
    },
    {
      id: 'api-key-weak',
      title: 'An API key is made by a machine',
      severity: 'medium',
      mode: 'warn',
      types: ['api-key'],
      brokenWhen: { all: [{ fact: 'strength', operator: 'in', value: ['low', 'fair'] }] },
      remediation: 'Have the issuer make a random key.',
    },
    {
      id: 'text-weak',
      title: 'A generic secret is not easy to guess',
      severity: 'low',
      mode: 'observe',
      types: ['generic'],
      brokenWhen: { all: [{ fact: 'strength', operator: 'equal', value: 'low' }] },
      remediation: 'Give the secret its real type if it has one; if it is a password, generate a better one.',
    },
  ],
};
