import { accessErrors } from '@claviger/features/access';
import { changeErrors } from '@claviger/features/changes';
import { generateOptionsSchema, secretErrors } from '@claviger/features/secrets';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { changeExample, changeView } from '../changes/changes.dto.js';
import { UNFIT } from './unfit-content.js';
import { VAULT_PROBLEMS, VAULT_WRITE_PROBLEMS } from '../vault-problems.js';
import {
  contentIn,
  contentOut,
  dryRun,
  reason,
  secretId,
  versionNumber,
  versionView,
  writeResult,
} from './secrets.dto.js';
import { BLOCKED } from '../compliance/blocked.js';

const params = z.object({ id: secretId });
const pointers = z.array(z.string());
const versionParams = z.object({ id: secretId, number: versionNumber });
const UPDATE = 'update <profile>/data/<name>';
const { secretNotFound, versionNotFound, versionUnavailable } = secretErrors;

/** What every use of content is refused for. */
const UNUSABLE = [
  accessErrors.accessDenied('prod/data/shop/database', 'update'),
  secretNotFound(),
  secretErrors.secretNotActive('deleting'),
  secretErrors.secretDisabled(),
  secretErrors.vaultProfileDisabled('prod'),
  ...VAULT_PROBLEMS,
];
const UNWRITABLE = [
  ...UNUSABLE,
  BLOCKED,
  ...VAULT_WRITE_PROBLEMS,
  changeErrors.secretBusy(),
  secretErrors.sourceChanged(),
];
const because = { reason: 'incident 4711' };
const stateExample = (act: string): unknown => ({
  version: 1,
  change: { ...changeExample, kind: `secret.version.${act}`, baseVersion: null, result: { version: 1 } },
});

export const read = defineEndpoint({
  method: 'GET',
  path: ':id/content',
  summary: 'Read the content',
  description:
    'The newest version, or `version`. The ETag is the version. Answered only once the audit entry is durable.',
  needs: 'read <profile>/data/<name>',
  params,
  query: z.strictObject({ version: versionNumber.optional() }),
  response: contentOut,
  etag: 'version',
  problems: [
    ...UNUSABLE,
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.sourceDrifted(2),
    secretErrors.readNeedsApproval(),
  ],
});
export const requestRead = defineEndpoint({
  method: 'POST',
  path: ':id/read-requests',
  summary: 'Ask for approval to read the content',
  description:
    'Of the newest version, or `version`. Once the change is `done`, you may read that version once within 15 minutes.',
  needs: 'read <profile>/data/<name>',
  params,
  body: z.strictObject({ version: versionNumber.optional(), reason }),
  response: z.object({ change: changeView }),
  mayBeAccepted: true,
  problems: [...UNUSABLE, versionNotFound()],
  example: {
    body: because,
    response: { change: { ...changeExample, kind: 'secret.content.read', baseVersion: null, result: { version: 1 } } },
  },
});
export const write = defineEndpoint({
  method: 'PUT',
  path: ':id/content',
  summary: 'Write a new version of the content',
  description: 'Equal content from a caller who may read makes no version and says so. If-Match is the version.',
  needs: UPDATE,
  params,
  query: z.strictObject({ dryRun }),
  body: z.strictObject({ content: contentIn, reason }),
  ifMatch: 'version',
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, ...UNFIT, secretErrors.staleMatch(3), secretErrors.changeStale()],
  example: { body: { content: { username: 'shop', password: 'battery staple' }, reason: 'quarterly rotation' } },
});
export const patch = defineEndpoint({
  method: 'PATCH',
  path: ':id/content',
  summary: 'Change fields of the content',
  description:
    '`content` is a JSON merge patch (RFC 7396): its fields replace those of the newest version, null removes one, objects are ' +
    'merged. If-Match is the version; with `*` the patch is applied to whatever is the newest one.',
  needs: 'patch <profile>/data/<name>',
  params,
  query: z.strictObject({ dryRun }),
  body: z.strictObject({ content: contentIn, reason }),
  ifMatch: 'version',
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, ...UNFIT, secretErrors.staleMatch(3), secretErrors.changeStale()],
  example: { body: { content: { password: 'battery staple', oldPassword: null }, reason: 'quarterly rotation' } },
});
export const diff = defineEndpoint({
  method: 'GET',
  path: ':id/diff',
  summary: 'Which fields differ between two versions',
  description:
    'As JSON pointers; values are not told. Where reading needs approval, this takes an approved read of both versions.',
  needs: 'read <profile>/data/<name>',
  params,
  query: z.strictObject({ from: versionNumber, to: versionNumber }),
  response: z.object({ added: pointers, removed: pointers, changed: pointers }),
  problems: [
    ...UNUSABLE,
    secretErrors.readNeedsApproval(),
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.sourceDrifted(2),
  ],
  example: { response: { added: ['/port'], removed: [], changed: ['/password'] } },
});
export const rotate = defineEndpoint({
  method: 'POST',
  path: ':id/rotate',
  summary: 'Write a generated value that nobody sees',
  needs: UPDATE,
  params,
  body: z.strictObject({ generate: generateOptionsSchema, reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, ...UNFIT],
  example: { body: { generate: { username: 'shop', length: 40 }, reason: 'quarterly rotation' } },
});
export const versions = defineEndpoint({
  method: 'GET',
  path: ':id/versions',
  summary: 'List the versions',
  description: 'Newest first; they outlive the secret.',
  needs: 'read claviger/secrets/<profile>/<name>',
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(versionView),
  problems: [secretNotFound(), ...VAULT_PROBLEMS],
});
export const restore = defineEndpoint({
  method: 'POST',
  path: ':id/versions/:number/restore',
  summary: 'Make an old version the newest one',
  needs: UPDATE,
  params: versionParams,
  body: z.strictObject({ reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, versionNotFound(), versionUnavailable(1, 'pruned')],
  example: { body: because },
});
export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id/versions/:number',
  summary: 'Delete a version, for now',
  description: 'It can be brought back with undelete.',
  needs: 'update <profile>/delete/<name>',
  params: versionParams,
  query: z.strictObject({ reason }),
  ifMatch: 'revision',
  response: writeResult,
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.notOurs('prod', 'shop/database'),
    secretErrors.staleMatch(4),
  ],
  example: { response: stateExample('delete') },
});
export const undelete = defineEndpoint({
  method: 'POST',
  path: ':id/versions/:number/undelete',
  summary: 'Bring a deleted version back',
  description: 'The current version is judged like a write of its content by rules that block.',
  needs: 'update <profile>/undelete/<name>',
  params: versionParams,
  body: z.strictObject({ reason }),
  response: writeResult,
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.notOurs('prod', 'shop/database'),
  ],
  example: { body: because, response: stateExample('undelete') },
});
export const destroy = defineEndpoint({
  method: 'POST',
  path: ':id/versions/:number/destroy',
  summary: 'Erase a version for good',
  needs: 'update <profile>/destroy/<name>',
  params: versionParams,
  body: z.strictObject({ reason }),
  response: writeResult,
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.notOurs('prod', 'shop/database'),
  ],
  example: { body: because, response: stateExample('destroy') },
});
export const adopt = defineEndpoint({
  method: 'POST',
  path: ':id/drift/adopt',
  summary: 'Make what somebody put at the source a version',
  description:
    'Only what was found when it was asked for is adopted. It is judged like a write: what breaks a rule that blocks is refused, and stays drift.',
  needs: `${UPDATE} and update claviger/adopt/<profile>/<name>`,
  params,
  body: z.strictObject({ reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    ...UNFIT,
    secretErrors.noDrift(),
    secretErrors.nothingToAdopt(),
    secretErrors.changeStale(),
  ],
  example: { body: because, response: { version: 2, change: { ...changeExample, kind: 'secret.drift.adopt' } } },
});
export const overwrite = defineEndpoint({
  method: 'POST',
  path: ':id/drift/overwrite',
  summary: 'Write the recorded content over what somebody put at the source',
  needs: `${UPDATE} and update claviger/overwrite/<profile>/<name>`,
  params,
  body: z.strictObject({ reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, secretErrors.noDrift(), secretErrors.sourceDrifted(2)],
  example: { body: because },
});
