import { describe, expect, it } from '@jest/globals';
import { isClientSecret, newClientSecret } from './client-secret.js';

describe('a client secret', () => {
  it('is marked, has 256 random bits, and prints as nothing', () => {
    const secrets = Array.from({ length: 50 }, newClientSecret);
    expect(new Set(secrets.map((secret) => secret.reveal())).size).toBe(50);
    for (const secret of secrets) expect(secret.reveal()).toMatch(/^cvgs_[\w-]{43}$/);
    expect(String(secrets[0])).toBe('[redacted]');
  });

  it('is known by its form', () => {
    const text = newClientSecret().reveal();
    expect(isClientSecret(text)).toBe(true);
    for (const other of ['', 'cvgs_', `${text}x`, text.slice(0, -1), text.replace('cvgs_', 'cvg_'), `${text}\n`])
      expect(isClientSecret(other)).toBe(false);
  });
});
