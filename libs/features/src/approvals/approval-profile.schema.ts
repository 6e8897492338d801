import { GATED_KINDS } from '@claviger/features/changes';
import { CONDITION_WORDS, conditionProblems, showKeys, type Condition, type FactKinds } from '@claviger/features/rules';
import { z } from 'zod';
import type { ApprovalProfile } from './approval-profile.repository.js';

/** What the condition of an approval profile may speak of. */
export const GATE_FACTS: FactKinds = { type: 'text', name: 'text', owner: 'text', labels: 'map', requester: 'text' };

const MAX_STEPS = 5;
const MAX_NAMES = 64;
const MAX_VOTES = 20;
const MINUTE = 60;
const MAX_EXPIRY_SECONDS = 30 * 24 * 60 * MINUTE;

const names = z.array(z.string().min(1).max(128)).max(MAX_NAMES).default([]);

const step = z
  .strictObject({
    users: names.meta({ description: 'Names of users who may vote.', example: ['ada'] }),
    groups: names.meta({ description: 'Groups whose users may vote.', example: ['security'] }),
    policies: names.meta({ description: 'Policies whose holders may vote.', example: ['approver'] }),
    votes: z.int().min(1).max(MAX_VOTES).meta({ description: 'How many of them must approve.' }),
    expiresAfterSeconds: z
      .int()
      .min(MINUTE)
      .max(MAX_EXPIRY_SECONDS)
      .default(3 * 24 * 60 * MINUTE)
      .meta({ description: 'How long they have for it, from when the step opens.' }),
  })
  .refine(({ users, groups, policies }) => users.length + groups.length + policies.length > 0, {
    message: 'must name a user, a group or a policy at least',
  });

/** Longest condition, as JSON. */
const MAX_CONDITION_BYTES = 16_384;

/** The parts of a JSON pointer; positions in lists as numbers. */
const placeOf = (pointer: string): (string | number)[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));

const checkedCondition = z
  .record(z.string(), z.unknown())
  .meta({ override: { type: 'object', additionalProperties: true, 'x-maxBytes': MAX_CONDITION_BYTES } })
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_CONDITION_BYTES, {
    message: `must be at most ${MAX_CONDITION_BYTES} bytes as JSON`,
    abort: true,
  })
  .superRefine((value, ctx) => {
    for (const { pointer, message } of conditionProblems(value, GATE_FACTS).slice(0, 10))
      ctx.addIssue({ code: 'custom', path: placeOf(pointer), message });
  });
const condition = showKeys(checkedCondition, CONDITION_WORDS)
  .transform((value) => value as Condition)
  .nullable();

/** The settings of an approval profile: what every version of it has. */
export const approvalSettings = z.strictObject({
  description: z.string().max(2_000).default(''),
  kinds: z
    .array(z.enum(GATED_KINDS))
    .max(GATED_KINDS.length)
    .transform((kinds) => [...new Set(kinds)].sort())
    .meta({ description: 'What waits for approval.', example: ['content', 'delete'] }),
  condition: condition.default(null).meta({
    description: 'A condition of json-rules-engine over type, name, owner, labels and requester; null for always.',
  }),
  steps: z.array(step).min(1).max(MAX_STEPS).meta({ description: 'Who decides, one step after the other.' }),
});
export type ApprovalSettings = Pick<ApprovalProfile, 'description' | 'kinds' | 'condition' | 'steps'>;
export type ApprovalSettingsInput = z.input<typeof approvalSettings>;

/** What may be changed; what is absent stays. */
export const approvalChanges = z.strictObject({
  description: approvalSettings.shape.description.unwrap().optional(),
  kinds: approvalSettings.shape.kinds.optional(),
  condition: condition.optional(),
  steps: approvalSettings.shape.steps.optional(),
});
export type ApprovalChanges = z.input<typeof approvalChanges>;
