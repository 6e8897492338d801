import { accessErrors } from '@claviger/features/access';
import {
  MEDIA,
  REPORT_FORMATS,
  REPORT_KINDS,
  REPORT_STATES,
  reportErrors,
  reportParameters,
  sealHead,
} from '@claviger/features/reports';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';

const id = z.uuid().meta({ example: '01a1ff05-4a10-7d55-8e6f-4a5b6c7d8e9f' });
const format = z.enum(REPORT_FORMATS).meta({ example: 'pdf' });

/** What a report, or a schedule of reports, is asked to be. */
export const reportSettings = {
  kind: z.enum(REPORT_KINDS).meta({
    description:
      '`compliance`: which rules are broken; `inventory`: which secrets there are; `access`: who read what; `approvals`: gated changes and the proof of four eyes; ' +
      '`replication`: whether copies hold what they should; `expiring`: what expires or is due to be rotated.',
  }),
  formats: z.array(format).min(1).max(REPORT_FORMATS.length).meta({ description: 'All of them where left out.' }),
  parameters: reportParameters.meta({
    description:
      'All take asOf, vaultProfile, owner and labels; `expiring` also withinDays; `access`, `approvals`, `compliance` and ' +
      '`replication` also periodDays.',
  }),
};

const example = {
  kind: 'inventory',
  formats: ['json', 'pdf'],
  parameters: { asOf: '2026-11-01T00:00:00.000Z', owner: 'team-payments' },
};
export const reportExample = {
  id: '01a1ff05-4a10-7d55-8e6f-4a5b6c7d8e9f',
  ...example,
  state: 'done',
  progress: { scanned: 214, expected: 214 },
  moment: '2026-11-01T00:00:00.000Z',
  seal: {
    storeId: '01a1ff04-d0c0-7a11-8b22-3c4d5e6f7a8b',
    number: 5_120,
    hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    merkleRoot: '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
    sealedAt: EXAMPLE.at,
  },
  documents: [
    { format: 'json', bytes: 91_204, sha256: 'fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13' },
    { format: 'pdf', bytes: 38_770, sha256: 'a4e624d686e03ed2767c0abd85c14426b0b1157d2ce81d27bb4fe4f6f01d688a' },
  ],
  requestedBy: { id: `user:${EXAMPLE.userId}`, name: 'ada' },
  schedule: null,
  error: null,
  createdAt: EXAMPLE.at,
  endedAt: EXAMPLE.later,
  expiresAt: '2027-02-19T16:51:34.335Z',
};

const view = z
  .object({
    id: z.string(),
    ...reportSettings,
    state: z.enum(REPORT_STATES).meta({ description: '`expired`: its documents are erased; its signatures are not.' }),
    progress: z.object({ scanned: z.number().int(), expected: z.number().int().nullable() }).meta({
      description: 'How many things were looked at, of how many as far as is known.',
    }),
    moment: instant.nullable().meta({ description: 'What it says was so then.' }),
    seal: sealHead.nullable().meta({ description: 'The last seal of the audit log when it was drawn.' }),
    documents: z.array(z.object({ format, bytes: z.number().int(), sha256: z.string() })),
    requestedBy: z.object({ id: z.string(), name: z.string() }),
    schedule: z.string().nullable().meta({ description: 'Name of the schedule that asked for it.' }),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    createdAt: instant,
    endedAt: instant.nullable(),
    expiresAt: instant.nullable().meta({ description: 'When its documents are erased.' }),
  })
  .meta({ id: 'Report', example: reportExample });

const key = z
  .object({
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    x: z.string(),
    kid: z.string().meta({ description: 'Thumbprint of the key (RFC 7638).' }),
    alg: z.literal('EdDSA'),
    use: z.literal('sig'),
  })
  .meta({ id: 'ReportKey' });

const denied = accessErrors.accessDenied('claviger/reports/inventory', 'create');
const { reportExpired, reportFailed, reportFormatMissing, reportNotDone, reportNotFound, tooManyReports } =
  reportErrors;
const noDocument = [reportNotFound(), reportFormatMissing(), reportNotDone(), reportFailed()];
const params = z.object({ id });
const documentParams = z.object({ id, format });

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List reports, the newest first',
  description: 'Those of the kinds that you may read.',
  needs: 'list claviger/reports/',
  query: z.strictObject({
    ...pageQuery,
    kind: z.enum(REPORT_KINDS).optional(),
    state: z.enum(REPORT_STATES).optional(),
    schedule: z.string().max(128).optional().meta({ description: 'Only those that this schedule asked for.' }),
  }),
  response: pageOf(view),
  problems: [accessErrors.accessDenied('claviger/reports/', 'list')],
});

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Ask for a report',
  description:
    'It is drawn by a worker: look at its state and progress. It covers the whole secret store, whatever else you may ' +
    'read, and shows no value.',
  needs: 'create claviger/reports/<kind>',
  body: z.strictObject(reportSettings).partial().required({ kind: true }),
  status: 201,
  isOneTransaction: true,
  response: view,
  problems: [denied, tooManyReports(50)],
  example: {
    body: example,
    response: {
      ...reportExample,
      state: 'queued',
      progress: { scanned: 0, expected: null },
      moment: null,
      seal: null,
      documents: [],
      endedAt: null,
      expiresAt: null,
    },
  },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a report: its state, and what is known of its documents',
  needs: 'read claviger/reports/<kind>',
  params,
  response: view,
  problems: [reportNotFound()],
});

export const getDocument = defineEndpoint({
  method: 'GET',
  path: ':id/documents/:format',
  summary: 'Fetch a document of a report',
  description: 'That it was fetched is in the audit log.',
  needs: 'read claviger/reports/<kind>',
  params: documentParams,
  produces: REPORT_FORMATS.map((one) => MEDIA[one].type),
  problems: [...noDocument, reportExpired()],
});

export const getSignature = defineEndpoint({
  method: 'GET',
  path: ':id/documents/:format/signature',
  summary: 'Fetch the signature of a document',
  description:
    'A compact JWS (EdDSA) over a manifest: the SHA-256 of the document, its parameters, the moment and the audit seal. ' +
    '`npm run report -- verify` checks it without a connection.',
  needs: 'read claviger/reports/<kind>',
  params: documentParams,
  produces: ['application/jose'],
  problems: noDocument,
});

export const listKeys = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'Get the public keys that reports are checked with',
  description: 'As a JSON Web Key Set. The one in use, and those that reports were signed with before.',
  needs: 'token',
  response: z.object({ keys: z.array(key) }).meta({
    id: 'ReportKeys',
    example: {
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
          kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
          alg: 'EdDSA',
          use: 'sig',
        },
      ],
    },
  }),
});
