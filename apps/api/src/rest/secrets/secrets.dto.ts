import { SecretValue } from '@claviger/kernel';
import { CONFLICT_POLICIES, TARGET_STATUSES } from '@claviger/features/replication';
import { generateOptionsSchema, SECRET_STATES, SECRET_TYPES } from '@claviger/features/secrets';
import { labels } from '@claviger/features/vault-profiles';
import { MAX_CONTENT_BYTES } from '@claviger/vaults/contract';
import { z } from 'zod';
import { instant, moment } from '../../http/instant.js';
import { queryFlag } from '../../http/query-flag.js';
import { changeExample, changeView } from '../changes/changes.dto.js';
import { EXAMPLE } from '../examples.js';

export const secretId = z.uuid().toLowerCase().meta({ description: 'Id of the secret.', example: EXAMPLE.secretId });
export const versionNumber = z.coerce
  .number()
  .int()
  .min(1)
  .max(1_000_000_000)
  .meta({ description: 'Number of a version of the secret.', example: 1 });
export const profileName = z.string().min(1).max(63).meta({ description: 'Name of a vault profile.', example: 'prod' });
export const secretName = z.string().min(1).max(512).meta({
  description: 'Path-like name, unique in its source profile; it never changes.',
  example: 'shop/database',
});

/** Content on its way in: wrapped by the body decoder before validation. */
export const contentIn = z
  .custom<SecretValue<string>>((value) => value instanceof SecretValue, 'must be a JSON object')
  .meta({
    override: { type: 'object', additionalProperties: true, 'x-maxBytes': MAX_CONTENT_BYTES },
    description: `The fields of the secret's type, at most ${MAX_CONTENT_BYTES} bytes as JSON.`,
    example: { username: 'shop', password: 'correct horse' },
  });

export const reason = z.string().min(1).max(1_000).optional().meta({ description: 'Why; kept with the change.' });
const description = z.string().max(2_000);
const owner = z.string().min(1).max(256);
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
  expiresAt: moment.optional(),
  rotationIntervalSeconds: rotationIntervalSeconds.optional(),
  reason,
});

export const editSecretBody = z.strictObject({
  description: description.optional(),
  owner: owner.nullable().optional(),
  labels: labels.optional(),
  expiresAt: moment.nullable().optional(),
  rotationIntervalSeconds: rotationIntervalSeconds.nullable().optional(),
  reason,
});

export const dryRun = queryFlag('Say what would happen at each vault, and change nothing.', false);

const requester = z.object({ id: z.string(), name: z.string() });

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
    waiting: z
      .array(z.object({ id: z.string(), kind: z.string(), requestedBy: requester, createdAt: instant }))
      .meta({ description: 'Changes of it that wait for approval.' }),
    revision: z.number().int().meta({ description: "Counts users' changes; the ETag." }),
    createdBy: requester,
    createdAt: instant,
    updatedAt: instant,
    verifiedAt: instant.nullable(),
  })
  .meta({
    id: 'Secret',
    example: {
      id: EXAMPLE.secretId,
      name: 'shop/database',
      type: 'basic-auth',
      state: 'active',
      isDisabled: false,
      sourceProfile: 'prod',
      physicalName: 'shop/database',
      description: 'Application user of the shop',
      owner: 'team-payments',
      labels: { team: 'payments' },
      currentVersion: 2,
      fingerprint: '359c-21ef-64c5-c30f-25f8',
      facts: { fields: ['password', 'username'], fieldCount: 2, valueLength: '12-15' },
      expiresAt: null,
      isExpired: false,
      rotation: {
        intervalSeconds: 7_776_000,
        rotatedAt: EXAMPLE.later,
        dueAt: '2027-02-19T16:51:34.335Z',
        isOverdue: false,
      },
      drift: null,
      replication: { in_sync: 1 },
      waiting: [],
      revision: 3,
      createdBy: EXAMPLE.requester,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.later,
      verifiedAt: EXAMPLE.later,
    },
  });

export const planStep = z
  .object({
    profile: z.string(),
    role: z.enum(['source', 'target']),
    action: z.enum(['create', 'update', 'no-op', 'delete', 'retain', 'adopt', 'conflict', 'blocked']),
    reason: z.string(),
  })
  .meta({ id: 'PlanStep' });

/** What a dry run answers. */
const dryRunResult = {
  plan: z.array(planStep).optional().meta({ description: 'Only with `dryRun=true`.' }),
  waitsFor: z
    .array(z.string())
    .optional()
    .meta({ description: 'Only with `dryRun=true`: the approval profiles whose approval it would wait for.' }),
};

export const secretResult = z
  .object({
    secret: secretView.optional(),
    change: changeView.optional(),
    ...dryRunResult,
  })
  .meta({
    example: {
      secret: secretView.meta()!['example'],
      change: { ...changeExample, kind: 'secret.edit', baseVersion: null },
    },
  });

export const writeResult = z
  .object({
    version: z.number().int().optional(),
    unchanged: z
      .boolean()
      .optional()
      .meta({ description: 'True when the content is the current one already; no version was made.' }),
    change: changeView.optional(),
    ...dryRunResult,
  })
  .meta({ example: { version: 2, change: changeExample } });

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
  .meta({
    id: 'SecretVersion',
    example: {
      number: 2,
      isCurrent: true,
      fingerprint: '359c-21ef-64c5-c30f-25f8',
      profile: 'prod',
      backendVersion: '2',
      origin: 'written',
      state: 'live',
      reason: 'quarterly rotation',
      changeId: EXAMPLE.changeId,
      createdBy: EXAMPLE.requester,
      createdAt: EXAMPLE.at,
    },
  });

export const contentOut = z
  .object({
    version: z.number().int(),
    content: z.record(z.string(), z.unknown()),
  })
  .meta({
    id: 'SecretContent',
    example: { version: 2, content: { username: 'shop', password: 'battery staple' } },
  });
