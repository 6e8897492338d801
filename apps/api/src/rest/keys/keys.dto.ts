import { accessErrors } from '@claviger/features/access';
import { keyErrors, ROTATION_KINDS, ROTATION_STATES, type KeyRotationEntity } from '@claviger/features/keys';
import { KEY_PURPOSES } from '@claviger/platform/crypto';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';

const ROTATION_ID = '01a1ff06-2a4b-7d3e-9c51-4b0d5e6f7a81';
const [OLD, NEW] = ['c051d2b24dcc90cb', '3a93115bc6582907'];
const read = 'read claviger/keys';

const rotationExample = {
  id: ROTATION_ID,
  key: 'data',
  state: 'renewing',
  fromKeyId: OLD,
  toKeyId: NEW,
  total: 2400,
  done: 1800,
  failed: 0,
  requestedBy: EXAMPLE.requester,
  createdAt: EXAMPLE.at,
  settlesAt: null,
  endedAt: null,
};

const rotationFields = z.object({
  id: z.uuid(),
  key: z.enum(ROTATION_KINDS),
  state: z.enum(ROTATION_STATES).meta({
    description:
      '`adding`: processes learn of the new key. `switching`: it is in force, and they learn that. `renewing`: what the old key made is made again. `settling`: all that could be is; the old key is kept for a day. `done`.',
  }),
  fromKeyId: z.string().nullable(),
  toKeyId: z.string().nullable(),
  total: z.number().int().meta({ description: 'What there was to renew, as counted when that began.' }),
  done: z.number().int(),
  failed: z.number().int().meta({ description: 'What could not be renewed, and keeps the old key.' }),
  requestedBy: z.object({ id: z.string(), name: z.string() }),
  createdAt: instant,
  settlesAt: instant.nullable().meta({ description: 'When the old key is destroyed, if nothing needs it then.' }),
  endedAt: instant.nullable(),
});

/** A rotation as it is shown. */
export const rotationView = rotationFields.meta({ id: 'KeyRotation', example: rotationExample });

const statusView = z
  .object({
    keys: z.array(
      z.object({
        kind: z.enum(['root', 'kek', ...KEY_PURPOSES]),
        id: z.string(),
        isActive: z.boolean().meta({ description: 'False for one that only opens, or verifies, what it made before.' }),
        createdAt: instant.nullable(),
      }),
    ),
    rotations: z.array(
      rotationFields.extend({
        waitsFor: z
          .array(z.object({ kind: z.string(), id: z.string() }))
          .meta({ description: 'The processes that do not know yet how things stand.' }),
      }),
    ),
  })
  .meta({
    id: 'Keys',
    example: {
      keys: [
        { kind: 'data', id: NEW, isActive: true, createdAt: EXAMPLE.at },
        { kind: 'data', id: OLD, isActive: false, createdAt: EXAMPLE.at },
      ],
      rotations: [{ ...rotationExample, waitsFor: [] }],
    },
  });

export const status = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'Which keys there are, and how far their rotations have come',
  description: 'Ids only: no key ever leaves.',
  needs: read,
  response: statusView,
  problems: [accessErrors.accessDenied('claviger/keys', 'read')],
});

export const listRotations = defineEndpoint({
  method: 'GET',
  path: 'rotations',
  summary: 'List rotations of keys',
  description: 'Newest first.',
  needs: read,
  query: z.strictObject(pageQuery),
  response: pageOf(rotationView),
  problems: [accessErrors.accessDenied('claviger/keys', 'read')],
});

export const getRotation = defineEndpoint({
  method: 'GET',
  path: 'rotations/:id',
  summary: 'Get a rotation',
  needs: read,
  params: z.object({ id: z.uuid().meta({ description: 'Id of the rotation.', example: ROTATION_ID }) }),
  response: rotationView,
  problems: [accessErrors.accessDenied('claviger/keys', 'read'), keyErrors.rotationNotFound()],
});

export const startRotation = defineEndpoint({
  method: 'POST',
  path: 'rotations',
  summary: 'Replace a key',
  description:
    'Goes on in the background; everything can be read and written meanwhile. The root key is replaced at once, by the one that the processes were given beside the old one.',
  needs: 'update claviger/keys',
  body: z.strictObject({ key: z.enum(ROTATION_KINDS) }),
  status: 201,
  response: rotationView,
  isOneTransaction: true,
  problems: [
    accessErrors.accessDenied('claviger/keys', 'update'),
    keyErrors.rotationUnderWay('data'),
    keyErrors.rootKeyNotGiven(),
    keyErrors.rootKeyNotEverywhere(['api 01a1ff04-dcf2-741e-ac81-08a31f794057']),
  ],
  example: {
    body: { key: 'data' },
    response: { ...rotationExample, state: 'adding', total: 0, done: 0 },
  },
});

/** What is shown of a rotation. */
export function toRotationView({ kind, total, done, failed, ...row }: KeyRotationEntity): z.infer<typeof rotationView> {
  return {
    id: row.id,
    key: kind,
    state: row.state,
    fromKeyId: row.fromKeyId,
    toKeyId: row.toKeyId,
    total: Number(total),
    done: Number(done),
    failed: Number(failed),
    requestedBy: row.requestedBy,
    createdAt: row.createdAt,
    settlesAt: row.state === 'settling' ? row.settlesAt : null,
    endedAt: row.endedAt,
  };
}
