import { SecretValue } from '@claviger/kernel';
import { CONFLICT_POLICIES, TARGET_STATUSES } from '@claviger/features/replication';
import { generateOptionsSchema, SECRET_STATES, SECRET_TYPES } from '@claviger/features/secrets';
import { z } from 'zod';
import { changeView } from '../changes/changes.dto.js';

export const secretId = z
  .uuid()
  .toLowerCase()
  .meta({ description: 'Id of the secret.', example: '0199aa00-0000-7000-8000-000000000001' });
export const versionNumber = z.coerce.number().int().min(1).max(1_000_000_000);
export const profileName = z.string().min(1).max(63).meta({ description: 'Name of a vault profile.', example: 'prod' });
export const secretName = z.string().min(1).max(512).meta({
  description: 'Path-like name, unique in its source profile; it never changes.',
  example: 'team/db/password',
});

/** Content on its way in: wrapped by the body decoder before validation. */
export const contentIn = z
  .custom<SecretValue<string>>((value) => value instanceof SecretValue, 'must be a JSON object')
  .meta({
    override: { type: 'object', additionalProperties: true },
    description: "The fields of the secret's type, at most 64 KiB as JSON.",
    example: { username: 'app', password: 'correct horse battery staple' },
  });

export const reason = z.string().min(1).max(1_000).optional().meta({ description: 'Why; kept with the change.' });
export const labels = z
  .record(
    z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$/, 'a label name has 1 to 63 of letters, digits and . _ / -'),
    z.string().max(256),
  )
  .refine((all) => Object.keys(all).length <= 32, 'at most 32 labels')
  .meta({ example: { team: 'payments' } });
const description = z.string().max(2_000);
const owner = z.string().min(1).max(256);
const expiresAt = z.iso.datetime({ offset: true }).meta({ example: '2027-01-01T00:00:00Z' });
const rotationIntervalSeconds = z
  .number()
  .int()
  .min(60)
  .max(10 * 366 * 86_400);
export const onConflict = z
  .enum(CONFLICT_POLICIES)
  .default('fail')
  .meta({ description: 'What to do when a vault already holds something under the name that is not ours.' });

export const createSecretBody = z.strictObject({
  name: secretName,
  type: z.enum(SECRET_TYPES),
  content: contentIn.optional(),
  generate: generateOptionsSchema.optional(),
  sourceProfile: profileName,
  syncProfiles: z.array(profileName).max(32).default([]),
  onConflict,
  description: description.optional(),
  owner: owner.optional(),
  labels: labels.optional(),
  expiresAt: expiresAt.optional(),
  rotationIntervalSeconds: rotationIntervalSeconds.optional(),
  reason,
});

export const editSecretBody = z.strictObject({
  description: description.optional(),
  owner: owner.nullable().optional(),
  labels: labels.optional(),
  expiresAt: expiresAt.nullable().optional(),
  rotationIntervalSeconds: rotationIntervalSeconds.nullable().optional(),
  reason,
});

export const dryRun = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')
  .meta({ description: 'Say what would happen at each vault, and change nothing.', override: { type: 'boolean' } });

const requester = z.object({ id: z.string(), name: z.string() });
const instant = z.date().meta({ override: { type: 'string', format: 'date-time' } });

export const secretView = z
  .object({
    id: z.string(),
    name: z.string(),
    type: z.enum(SECRET_TYPES),
    state: z.enum(SECRET_STATES),
    isDisabled: z.boolean(),
    sourceProfile: z.string(),
    physicalName: z.string(),
    description: z.string(),
    owner: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    currentVersion: z.number().int(),
    fingerprint: z
      .string()
      .nullable()
      .meta({ description: 'Keyed per secret: comparable between versions of this secret only.' }),
    facts: z
      .record(z.string(), z.unknown())
      .meta({ description: 'What is known about the content without its value.' }),
    expiresAt: instant.nullable(),
    isExpired: z.boolean(),
    rotation: z.object({
      intervalSeconds: z.number().int().nullable(),
      rotatedAt: instant.nullable(),
      dueAt: instant.nullable(),
      isOverdue: z.boolean(),
    }),
    drift: z
      .object({ kind: z.string(), detectedAt: z.string(), fingerprint: z.string().optional() })
      .nullable()
      .meta({ description: 'Set when the source vault holds something that Claviger did not put there.' }),
    replication: z
      .partialRecord(z.enum(TARGET_STATUSES), z.number().int())
      .meta({ description: 'How many targets have which status.' }),
    revision: z.number().int().meta({ description: "Counts users' changes; the ETag." }),
    createdBy: requester,
    createdAt: instant,
    updatedAt: instant,
    verifiedAt: instant.nullable(),
  })
  .meta({ id: 'Secret' });

export const planStep = z
  .object({
    profile: z.string(),
    role: z.enum(['source', 'target']),
    action: z.enum(['create', 'update', 'no-op', 'delete', 'retain', 'adopt', 'conflict', 'blocked']),
    reason: z.string(),
  })
  .meta({ id: 'PlanStep' });

export const secretResult = z.object({
  secret: secretView.optional(),
  change: changeView.optional(),
  plan: z.array(planStep).optional().meta({ description: 'Only with `dryRun=true`.' }),
});

export const writeResult = z.object({
  version: z.number().int().optional(),
  unchanged: z
    .boolean()
    .optional()
    .meta({ description: 'True when the content is the current one already; no version was made.' }),
  change: changeView.optional(),
  plan: z.array(planStep).optional(),
});

export const versionView = z
  .object({
    number: z.number().int(),
    isCurrent: z.boolean(),
    fingerprint: z.string(),
    profile: z.string(),
    backendVersion: z.string().nullable(),
    origin: z.enum(['written', 'adopted']),
    state: z.enum(['live', 'deleted', 'destroyed', 'pruned']),
    reason: z.string().nullable(),
    changeId: z.string(),
    createdBy: requester,
    createdAt: instant,
  })
  .meta({ id: 'SecretVersion' });

export const contentOut = z
  .object({
    version: z.number().int(),
    type: z.enum(SECRET_TYPES).optional(),
    content: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'SecretContent' });
