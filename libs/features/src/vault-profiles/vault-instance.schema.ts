import { isId, SecretValue } from '@claviger/kernel';
import { z } from 'zod';

/** Names of instances and profiles: each is one segment of the paths that policies grant. */
export const resourceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", the first a letter or digit')
  .refine((name) => !isId(name), 'must not look like an id');

export const description = z.string().max(2_000);

const requestsPerSecond = z
  .int()
  .min(1)
  .max(100_000)
  .meta({ description: 'Most calls a second with these credentials, by all processes together.' });

/** How much of the outside vault Claviger may use. */
export const instanceLimits = z.strictObject({ requestsPerSecond: requestsPerSecond.optional() });
export type InstanceLimits = z.infer<typeof instanceLimits>;

/** Room for two bundles of certificates, or the keys of a client, and whatever else a kind asks for. */
const MAX_SETTINGS_BYTES = 640 * 1024;
const TOO_LARGE = `must be at most ${MAX_SETTINGS_BYTES} bytes as JSON`;

const fits = (settings: unknown): boolean => Buffer.byteLength(JSON.stringify(settings)) <= MAX_SETTINGS_BYTES;

const config = z.record(z.string(), z.unknown()).refine(fits, TOO_LARGE).meta({
  description: 'Settings of the connection; their schema is that of the kind.',
  'x-maxBytes': MAX_SETTINGS_BYTES,
});

/** Wrapped before anything else can see them. */
const credentials = z
  .custom<SecretValue<unknown>>((value) => value instanceof SecretValue, 'must be a JSON object')
  .meta({
    override: { type: 'object', additionalProperties: true, 'x-maxBytes': MAX_SETTINGS_BYTES },
    description: 'Credentials; their schema is that of the kind. Never returned.',
  })
  .refine((value) => fits(value.reveal()), TOO_LARGE);

/** What registers a vault instance. */
export const newVaultInstance = z.strictObject({
  name: resourceName,
  kind: z.string().max(63),
  description: description.default(''),
  config: config.default({}),
  credentials: credentials.optional(),
  limits: instanceLimits.default({}),
});
export type NewVaultInstance = z.input<typeof newVaultInstance>;

/**
 * What may be changed. `config` and `limits` are merged (RFC 7396: null removes), credentials are replaced as a whole.
 * The name and the kind stay: policies and secrets refer to them.
 */
export const vaultInstanceChanges = z.strictObject({
  description: description.optional(),
  config: config.optional(),
  credentials: credentials.optional(),
  limits: z.strictObject({ requestsPerSecond: requestsPerSecond.nullable() }).partial().optional(),
});
export type VaultInstanceChanges = z.input<typeof vaultInstanceChanges>;
