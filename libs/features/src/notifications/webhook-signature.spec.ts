import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { newSigningSecret, signatureOf } from './webhook-signature.js';

describe('the signature of a message', () => {
  it('is that of the specification', () => {
    // The vector that the reference libraries of Standard Webhooks share.
    const secret = new SecretValue('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const body = '{"test": 2432232314}';
    const signature = signatureOf({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body }, [secret]);
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('is accepted by the reference library with each of the secrets, and with no other', () => {
    const [one, two, other] = [newSigningSecret(), newSigningSecret(), newSigningSecret()];
    fc.assert(
      fc.property(fc.uuid(), fc.json(), (id, body) => {
        const timestamp = Math.floor(Date.now() / 1_000);
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatureOf({ id, timestamp, body }, [one, two]),
        };
        const verify = (secret: SecretValue) => (): unknown => new Webhook(secret.reveal()).verify(body, headers);
        expect(verify(one)).not.toThrow();
        expect(verify(two)).not.toThrow();
        expect(verify(other)).toThrow();
      }),
      { numRuns: 20 },
    );
  });
});

describe('a signing secret', () => {
  it('is 32 bytes that nobody can guess', () => {
    const [one, two] = [newSigningSecret().reveal(), newSigningSecret().reveal()];
    expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(one).not.toBe(two);
  });
});
