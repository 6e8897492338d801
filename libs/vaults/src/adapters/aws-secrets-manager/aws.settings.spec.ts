import { describe, expect, it } from '@jest/globals';
import { awsConfigSchema, awsCredentialsSchema } from './aws.settings.js';

const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'abc/def+ghi' };

describe('the configuration', () => {
  it('needs a region only, and never deletes for good unless it is told to', () => {
    expect(awsConfigSchema.parse({ region: 'eu-west-1' })).toEqual({
      region: 'eu-west-1',
      useFips: false,
      recoveryWindowDays: 30,
      forceDelete: false,
    });
  });

  it.each(['us-gov-west-1', 'cn-north-1', 'ap-southeast-2', 'us-iso-east-1', 'eusc-de-east-1'])(
    'takes %s',
    (region) => {
      expect(awsConfigSchema.safeParse({ region }).success).toBe(true);
    },
  );

  it.each([
    [{}],
    [{ region: 'eu-west-1.evil.example/' }],
    [{ region: 'EU-WEST-1' }],
    [{ region: 'eu-west-1', recoveryWindowDays: 6 }],
    [{ region: 'eu-west-1', recoveryWindowDays: 31 }],
    [{ region: 'eu-west-1', endpoint: 'ftp://x' }],
    [{ region: 'eu-west-1', endpoint: 'https://user:pass@x' }],
    [{ region: 'eu-west-1', endpoint: 'https://x/path' }],
    [{ region: 'eu-west-1', stsEndpoint: 'https://x?y' }],
    [{ region: 'eu-west-1', kmsKeyId: 'a b' }],
    [{ region: 'eu-west-1', caCertificate: 'no PEM' }],
    [{ region: 'eu-west-1', other: 1 }],
  ])('refuses %j', (config) => {
    expect(awsConfigSchema.safeParse(config).success).toBe(false);
  });
});

describe('the credentials', () => {
  const roleArn = 'arn:aws:iam::123456789012:role/path/claviger';

  it.each([
    [{ type: 'static', ...keys }],
    [{ type: 'static', ...keys, sessionToken: 'token' }],
    [{ type: 'environment' }],
    [{ type: 'assumedRole', roleArn, base: { type: 'environment' } }],
    [{ type: 'assumedRole', roleArn, externalId: 'a-b', base: { type: 'static', ...keys } }],
  ])('are taken: %j', (credentials) => {
    expect(awsCredentialsSchema.safeParse(credentials).success).toBe(true);
  });

  it.each([
    [{}],
    [{ type: 'static' }],
    [{ type: 'static', ...keys, secretAccessKey: 'with space' }],
    [{ type: 'environment', ...keys }],
    [{ type: 'assumedRole', roleArn }],
    [{ type: 'assumedRole', roleArn: 'arn:aws:iam::1:role/x', base: { type: 'environment' } }],
    [{ type: 'assumedRole', roleArn, base: { type: 'assumedRole', roleArn, base: { type: 'environment' } } }],
  ])('are refused: %j', (credentials) => {
    expect(awsCredentialsSchema.safeParse(credentials).success).toBe(false);
  });
});
