import { accessErrors } from '@claviger/features/access';
import { IMPORT_LIMITS, IMPORT_STATES, importErrors } from '@claviger/features/imports';
import { PLAN_LIMITS, planErrors } from '@claviger/features/plans';
import { SECRET_TYPES, secretErrors } from '@claviger/features/secrets';
import { nameInvalid } from '@claviger/vaults/contract';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import { planView } from '../plans/plans.dto.js';
import { createSecretBody, profileName } from '../secrets/secrets.dto.js';

const IMPORT_ID = '01a1ff05-5c2d-7e4f-8b70-3d9f6e8cab21';
const params = z.object({
  id: z.uuid().toLowerCase().meta({ description: 'Id of the import.', example: IMPORT_ID }),
});
const count = z.number().int();
const type = z.enum(SECRET_TYPES);
const error = z.object({ code: z.string(), message: z.string() }).nullable();

const importView = z
  .object({
    id: z.string(),
    state: z.enum(IMPORT_STATES),
    vaultProfile: z.string(),
    folder: z.string(),
    limit: count,
    requestedBy: z.object({ id: z.string(), name: z.string() }),
    found: count.meta({ description: 'Objects so far that belong to no secret.' }),
    known: count.meta({ description: 'Objects so far that belong to a secret already.' }),
    hidden: count.meta({ description: 'Objects so far that you may not adopt, and are not told of.' }),
    isCutOff: z.boolean().meta({ description: 'There is more than `limit`.' }),
    error: error.meta({ description: 'Why it failed.' }),
    expiresAt: instant,
    createdAt: instant,
    scannedAt: instant.nullable(),
  })
  .meta({
    id: 'Import',
    example: {
      id: IMPORT_ID,
      state: 'ready',
      vaultProfile: 'prod',
      folder: 'shop',
      limit: IMPORT_LIMITS.foundUnlessGiven,
      requestedBy: EXAMPLE.requester,
      found: 2,
      known: 1,
      hidden: 0,
      isCutOff: false,
      error: null,
      expiresAt: '2026-11-22T16:51:34.280Z',
      createdAt: EXAMPLE.at,
      scannedAt: EXAMPLE.later,
    },
  });
const example = importView.meta()!['example'] as Record<string, unknown>;

const importItemView = z
  .object({
    number: count,
    physicalName: z.string().meta({ description: 'Where it lies in the mount.' }),
    name: z.string().nullable().meta({ description: 'What its secret would be called; null when it cannot be one.' }),
    type: type.nullable().meta({ description: 'The likeliest type.' }),
    types: z.array(type).meta({ description: 'All that it is valid content of, the likeliest first.' }),
    isCertain: z.boolean().meta({ description: 'No other type says anything about it.' }),
    error: error.meta({ description: 'Why it cannot be adopted.' }),
    planId: z.string().nullable().meta({ description: 'The last plan that it was chosen for.' }),
  })
  .meta({
    id: 'ImportItem',
    example: {
      number: 1,
      physicalName: 'apps/shop/mail',
      name: 'shop/mail',
      type: 'basic-auth',
      types: ['basic-auth', 'key-value'],
      isCertain: true,
      error: null,
      planId: null,
    },
  });

const OWN = 'having made it, or';
const denied = accessErrors.accessDenied(`claviger/imports/${IMPORT_ID}`, 'create');
const { importNotFound } = importErrors;

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Look for what lies in a vault and belongs to no secret',
  description:
    'A worker scans the mount of the profile, below its prefix, with what your token may do. Nothing is written, and of contents nothing ' +
    'is kept but what they can be. Kept for a day.',
  needs:
    'create claviger/imports/<id> and list claviger/secrets/<profile>/; shown is what you have update claviger/adopt/<profile>/<name> for',
  body: z.strictObject({
    vaultProfile: profileName,
    folder: z
      .string()
      .max(512)
      .default('')
      .meta({ description: "Only what lies below this folder of the profile's prefix.", example: 'shop' }),
    limit: z
      .int()
      .min(1)
      .max(IMPORT_LIMITS.found)
      .default(IMPORT_LIMITS.foundUnlessGiven)
      .meta({ description: 'It ends when it has found so many.' }),
  }),
  status: 202,
  response: importView,
  problems: [
    denied,
    nameInvalid('The folder', 'contains a . or .. segment'),
    secretErrors.vaultProfileUnknown('prod'),
    secretErrors.vaultProfileDisabled('prod'),
    importErrors.tooManyImports(IMPORT_LIMITS.open),
  ],
  example: {
    body: { vaultProfile: 'prod', folder: 'shop' },
    response: { ...example, state: 'scanning', found: 0, known: 0, scannedAt: null },
  },
});

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List imports',
  description: 'Yours, and with `list claviger/imports/` those of others; the newest first.',
  needs: 'token',
  query: z.strictObject(pageQuery),
  response: pageOf(importView),
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get an import, and how far it is',
  needs: `${OWN} read claviger/imports/<id>`,
  params,
  response: importView,
  problems: [importNotFound()],
});

export const listItems = defineEndpoint({
  method: 'GET',
  path: ':id/items',
  summary: 'List what was found',
  needs: `${OWN} read claviger/imports/<id>`,
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(importItemView),
  problems: [importNotFound()],
});

const { owner, labels, syncProfiles, reason } = createSecretBody.shape;

export const adopt = defineEndpoint({
  method: 'POST',
  path: ':id/adopt',
  summary: 'Choose what is adopted',
  description:
    `Makes a plan that adopts what is chosen: \`items\`, each as the type that you name (needed where it is not certain), or \`all\`: the next ` +
    `${PLAN_LIMITS.items} whose type is certain and that no plan was made of. Apply the plan to adopt them. What has changed since it was looked at is not adopted.`,
  needs:
    'having made it, create claviger/imports/<id> and create claviger/plans/<id>; each item is judged by what adopting it needs',
  params,
  body: z.strictObject({
    items: z
      .array(z.strictObject({ number: z.int().min(1).max(IMPORT_LIMITS.found), type: type.optional() }))
      .max(PLAN_LIMITS.items)
      .optional(),
    all: z.boolean().default(false),
    syncProfiles,
    owner,
    labels,
    reason,
  }),
  status: 201,
  response: planView,
  problems: [
    denied,
    importNotFound(),
    importErrors.importNotReady('scanning'),
    importErrors.importChoiceInvalid(1, 'needs a type: one of generic, key-value'),
    importErrors.nothingToChoose(),
    planErrors.planItemsOverlap(1, 2),
    planErrors.tooManyPlans(PLAN_LIMITS.open),
  ],
  example: { body: { items: [{ number: 1 }, { number: 2, type: 'key-value' }], owner: 'team-shop' } },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'Forget an import',
  description: 'What was adopted stays.',
  needs: 'having made it, and create claviger/imports/<id>; or read and delete claviger/imports/<id>',
  params,
  status: 204,
  problems: [denied, importNotFound()],
});
