import { describe, expect, it } from '@jest/globals';
import { identityText } from './aws.identity.js';
import { awsConfigSchema } from './aws.settings.js';

const of = (endpoint?: string): string =>
  identityText('aws', '123456789012', awsConfigSchema.parse({ region: 'eu-west-1', ...(endpoint && { endpoint }) }));

describe('identityText', () => {
  it.each([
    [undefined],
    ['https://secretsmanager.eu-west-1.amazonaws.com'],
    ['https://vpce-0123-abcd.secretsmanager.eu-west-1.vpce.amazonaws.com'],
    ['https://secretsmanager.cn-north-1.amazonaws.com.cn'],
    ['https://secretsmanager.eu-west-1.api.aws'],
  ])('names account and region at %s', (endpoint) => {
    expect(of(endpoint)).toBe('aws:aws:123456789012:eu-west-1');
  });

  it.each(['http://127.0.0.1:5000', 'https://amazonaws.com.example.org', 'https://notamazonaws.com'])(
    'tells apart what is not AWS: %s',
    (endpoint) => {
      expect(of(endpoint)).toBe(`aws:aws:123456789012:eu-west-1@${endpoint}`);
    },
  );
});
