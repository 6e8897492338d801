import { X509Certificate } from 'node:crypto';
import { z } from 'zod';

const region = z
  .string()
  .max(32)
  .regex(/^[a-z]{2,6}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/, { error: 'is not a region such as eu-west-1' });

const endpoint = z
  .string()
  .max(2048)
  .refine((text) => endpointProblem(text) === undefined, { error: ({ input }) => endpointProblem(String(input)) });

const certificates = z
  .string()
  .max(256 * 1024)
  .refine(isCertificates, { error: 'is not one or more PEM certificates' });

export const awsConfigSchema = z.strictObject({
  region: region.describe('Region whose secrets are meant, for example eu-west-1.'),
  endpoint: endpoint
    .optional()
    .describe(
      'http or https URL in place of the region’s own: a VPC endpoint, or an emulator. Use http only on loopback.',
    ),
  stsEndpoint: endpoint
    .optional()
    .describe('The same for the Security Token Service, which is asked whose credentials these are.'),
  useFips: z.boolean().default(false).describe('Use the endpoints of the region that are validated for FIPS 140.'),
  caCertificate: certificates
    .optional()
    .describe('PEM certificates of the only authorities trusted for the endpoints; left out: those that Node trusts.'),
  kmsKeyId: z
    .string()
    .max(2048)
    .regex(/^[A-Za-z0-9:/_-]+$/, { error: 'is not the id, ARN or alias of a KMS key' })
    .optional()
    .describe('KMS key that new secrets are encrypted with; left out: aws/secretsmanager.'),
  recoveryWindowDays: z
    .int()
    .min(7)
    .max(30)
    .default(30)
    .describe('How many days a deleted secret can be restored in AWS.'),
  forceDelete: z
    .boolean()
    .default(false)
    .describe('Delete at once and for good, without a recovery window. Nothing brings such a secret back.'),
});

export type AwsConfig = z.infer<typeof awsConfigSchema>;

const key = (max: number): z.ZodString =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\x21-\x7e]+$/, { error: 'has spaces, line breaks or characters beyond ASCII; paste it without them' });

const keys = {
  accessKeyId: key(128).describe('Access key id, for example AKIA….'),
  secretAccessKey: key(256).describe('Secret access key.'),
  sessionToken: key(8192).optional().describe('Session token, for temporary keys. They are not renewed.'),
};

const staticKeys = z.strictObject({ type: z.literal('static'), ...keys });
const environment = z.strictObject({ type: z.literal('environment') });

export const awsCredentialsSchema = z.discriminatedUnion('type', [
  staticKeys.describe('Keys of an IAM user.'),
  z
    .strictObject({
      type: z.literal('assumedRole'),
      roleArn: z
        .string()
        .max(2048)
        .regex(/^arn:[a-z0-9-]+:iam::\d{12}:role\/[\x21-\x7e]+$/, { error: 'is not the ARN of a role' })
        .describe('Role to assume.'),
      externalId: z
        .string()
        .min(2)
        .max(1224)
        .regex(/^[\w+=,.@:/-]+$/, { error: 'has characters that AWS does not allow' })
        .optional()
        .describe('External id that the trust policy of the role asks for.'),
      base: z.discriminatedUnion('type', [staticKeys, environment]).describe('Credentials that may assume the role.'),
    })
    .describe('A role, assumed anew before its session ends.'),
  environment.describe(
    'What the environment of Claviger’s own process gives (variables, web identity, container, instance). The operator must allow it.',
  ),
]);

export type AwsCredentials = z.infer<typeof awsCredentialsSchema>;

/** Where keys come from: given, or found in the environment of the process. */
export type AwsBaseCredentials = Exclude<AwsCredentials, { type: 'assumedRole' }>;

function endpointProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'is not an http or https URL';
  if (url.username !== '' || url.password !== '') return 'carries credentials; give them as credentials';
  if (/[?#]/.test(text) || url.pathname !== '/') return 'has a path, a query or a fragment; leave it out';
  return undefined;
}

function isCertificates(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).subject !== undefined);
  } catch {
    return false;
  }
}
