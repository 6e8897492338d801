import { MAX_CONTENT_BYTES } from '@claviger/vaults/contract';
import { z } from 'zod';
import { nameTemplateProblem, pathProblem } from './name-template.js';
import { description, resourceName } from './vault-instance.schema.js';

/** First path segments that mean something else, to policies or to Vault clients, for whom a profile is a mount. */
const RESERVED_NAMES: readonly string[] = ['auth', 'claviger', 'cubbyhole', 'identity', 'sys'];

/** What happens when a replica was changed at its vault: it is told, or overwritten. */
export const REPAIRS = ['report', 'auto'] as const;
export type Repair = (typeof REPAIRS)[number];

export const profileLimits = z.strictObject({
  maxContentBytes: z
    .int()
    .min(1)
    .max(MAX_CONTENT_BYTES)
    .optional()
    .meta({ description: 'Largest content as JSON, in bytes, where it is to be less than is possible anyway.' }),
});
export type ProfileLimits = z.infer<typeof profileLimits>;

const profileName = resourceName.refine((name) => !RESERVED_NAMES.includes(name), {
  message: `must not be one of ${RESERVED_NAMES.join(', ')}`,
});
const path = z.string().max(512).superRefine(refuse(pathProblem));
const MAX_LABELS = 32;

/** Labels of a secret, by name. */
export const labels = z
  .record(
    z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$/, 'a label name has 1 to 63 of letters, digits and . _ / -'),
    z.string().max(256),
  )
  .refine((all) => Object.keys(all).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`)
  .meta({ maxProperties: MAX_LABELS, example: { team: 'payments' } });

const fields = {
  description,
  instance: z.string().min(1).max(63).meta({ description: 'Id or name of the vault instance.' }),
  mount: z.union([z.literal(''), path]).meta({
    description: 'Mount in the vault; for the built-in vault any name; for AWS the beginning of all names, or empty.',
    example: 'secret',
  }),
  prefix: z.union([z.literal(''), path]).meta({ description: 'Folder that all names are put into; empty for none.' }),
  flavour: z.string().min(1).max(63).meta({ description: 'One of the flavours of the kind, or `auto`.' }),
  nameTemplate: z.string().max(256).superRefine(refuse(nameTemplateProblem)).meta({
    description: 'How names are made in the vault, of {name} and optionally {type}.',
    example: '{type}/{name}',
  }),
  defaultOwner: z.string().min(1).max(256).nullable(),
  defaultLabels: labels,
  limits: profileLimits,
  repair: z.enum(REPAIRS).meta({ description: 'Whether a replica that was changed at its vault is overwritten.' }),
  approvalProfile: resourceName.nullable().meta({
    description: 'Name of the approval profile that gates changes here, and of the profile itself.',
    example: null,
  }),
  isEnabled: z.boolean(),
};

/** What registers a vault profile. */
export const newVaultProfile = z.strictObject({
  name: profileName,
  instance: fields.instance,
  mount: fields.mount,
  description: fields.description.default(''),
  prefix: fields.prefix.default(''),
  flavour: fields.flavour.default('auto'),
  nameTemplate: fields.nameTemplate.default('{name}'),
  defaultOwner: fields.defaultOwner.default(null),
  defaultLabels: fields.defaultLabels.default({}),
  limits: fields.limits.default({}),
  repair: fields.repair.default('report'),
  approvalProfile: fields.approvalProfile.default(null),
  isEnabled: fields.isEnabled.default(true),
});
export type NewVaultProfile = z.input<typeof newVaultProfile>;

/**
 * What may be changed; an object replaces the old one as a whole. Where its secrets lie (instance, mount, prefix,
 * flavour) only while nothing uses it. The name stays: policies and Vault clients' paths hold it.
 */
export const vaultProfileChanges = z.strictObject(fields).partial();
export type VaultProfileChanges = z.input<typeof vaultProfileChanges>;

function refuse(problemOf: (text: string) => string | undefined): (text: string, ctx: z.RefinementCtx) => void {
  return (text, ctx) => {
    const message = problemOf(text);
    if (message !== undefined) ctx.addIssue({ code: 'custom', message });
  };
}
