import { generateOptionsSchema } from '@claviger/features/secrets';
import type { PlanRequest } from '@claviger/features/plans';
import { z } from 'zod';
import {
  contentIn,
  createSecretBody,
  editSecretBody,
  onConflict,
  profileName,
  reason,
  secretId,
  versionNumber,
} from '../secrets/secrets.dto.js';
import { withoutUndefined } from '../without-undefined.js';

const about = { secretId, reason };
const version = versionNumber;

/** One change of a plan: the kind, and what the endpoint for one change takes. */
export const planItem = z.discriminatedUnion('kind', [
  createSecretBody.extend({ kind: z.literal('secret.create') }),
  createSecretBody
    .omit({ content: true, generate: true, onConflict: true })
    .extend({ kind: z.literal('secret.adopt') }),
  z.strictObject({ kind: z.enum(['secret.content', 'secret.content.patch']), ...about, content: contentIn }),
  z.strictObject({ kind: z.literal('secret.rotate'), ...about, generate: generateOptionsSchema }),
  z.strictObject({ kind: z.literal('secret.restore'), ...about, version }),
  editSecretBody.extend({ kind: z.literal('secret.attributes'), secretId }),
  z.strictObject({ kind: z.enum(['secret.enable', 'secret.disable']), ...about }),
  z.strictObject({
    kind: z.literal('secret.delete'),
    ...about,
    retain: z.boolean().default(false).meta({ description: 'Forget the secret, and leave the vaults as they are.' }),
  }),
  z.strictObject({ kind: z.literal('secret.sync-profile.add'), ...about, profile: profileName, onConflict }),
  z.strictObject({ kind: z.literal('secret.source-profile'), ...about, profile: profileName, onConflict }),
  z.strictObject({
    kind: z.literal('secret.sync-profile.remove'),
    ...about,
    profile: profileName,
    purge: z.boolean().default(false).meta({ description: 'Remove the copy as well, if it is ours.' }),
  }),
  z.strictObject({
    kind: z.enum(['secret.version.delete', 'secret.version.undelete', 'secret.version.destroy']),
    ...about,
    version,
  }),
]);

/** An item of a request as plans know it. */
export function toPlanRequest(item: z.infer<typeof planItem>): PlanRequest {
  const given = withoutUndefined(item);
  switch (given.kind) {
    case 'secret.attributes': {
      const { kind, secretId: id, reason: why, ...set } = given;
      return { kind, secretId: id, set, ...(why === undefined ? {} : { reason: why }) };
    }
    case 'secret.restore':
    case 'secret.version.delete':
    case 'secret.version.undelete':
    case 'secret.version.destroy': {
      const { version: number, ...rest } = given;
      return { ...rest, number } as PlanRequest;
    }
    default:
      return given as PlanRequest;
  }
}
