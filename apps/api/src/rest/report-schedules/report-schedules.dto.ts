import { accessErrors } from '@claviger/features/access';
import { principalErrors } from '@claviger/features/principals';
import { CADENCES, MAX_SCHEDULE_NAME, reportErrors } from '@claviger/features/reports';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import { reportExample, reportSettings } from '../reports/reports.dto.js';

const name = z
  .string()
  .min(1)
  .max(MAX_SCHEDULE_NAME)
  .regex(/^[a-z0-9][a-z0-9._-]*$/)
  .meta({ example: 'monthly-access' });
/** What cannot be a name is not found rather than wrong. */
const params = z.object({ name: z.string().min(1).max(MAX_SCHEDULE_NAME).meta({ example: 'monthly-access' }) });

const timing = {
  cadence: z.enum(CADENCES),
  hour: z.int().min(0).max(23).meta({ description: 'UTC.' }),
  weekday: z.int().min(1).max(7).nullable().meta({ description: 'Of a weekly one: 1 for Monday to 7 for Sunday.' }),
  dayOfMonth: z.int().min(1).max(28).nullable().meta({ description: 'Of a monthly one.' }),
};
const settings = {
  ...reportSettings,
  ...timing,
  isEnabled: z.boolean(),
};

const example = {
  name: 'monthly-access',
  kind: 'access',
  formats: ['csv', 'pdf'],
  parameters: { periodDays: 31 },
  cadence: 'monthly',
  hour: 6,
  dayOfMonth: 1,
};

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    ...settings,
    owner: z.object({ id: z.string(), name: z.string() }).meta({ description: 'By whose right it is drawn.' }),
    nextRunAt: instant.nullable(),
    lastRunAt: instant.nullable(),
    lastReportId: z.string().nullable(),
    lastError: z.string().nullable().meta({ description: 'Why the last run asked for no report, as a code.' }),
    revision: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({
    id: 'ReportSchedule',
    example: {
      id: '01a1ff05-4b20-7e66-9f70-5b6c7d8e9fa0',
      ...example,
      weekday: null,
      isEnabled: true,
      owner: reportExample.requestedBy,
      nextRunAt: '2026-12-01T06:00:00.000Z',
      lastRunAt: '2026-11-01T06:00:00.120Z',
      lastReportId: reportExample.id,
      lastError: null,
      revision: 1,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const needs = (operation: string): string => `${operation} claviger/report-schedules/<name>`;
const denied = accessErrors.accessDenied('claviger/report-schedules/monthly-access', 'update');
const { scheduleExists, scheduleNeedsPrincipal, scheduleNotFound } = reportErrors;
const { staleMatch } = principalErrors;

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List report schedules by name',
  needs: 'list claviger/report-schedules/',
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied],
});

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a report schedule',
  description:
    'Its creator owns it: each time it is due they are asked anew whether they may have such a report. When one is drawn, ' +
    'the event `report.ready` tells webhooks and mail subscriptions where it is found.',
  needs: `${needs('create')}, create claviger/reports/<kind>`,
  body: z
    .strictObject({ name, ...settings })
    .partial()
    .required({ name: true, kind: true, cadence: true, hour: true }),
  status: 201,
  isOneTransaction: true,
  response: view,
  etag: 'revision',
  problems: [denied, scheduleNeedsPrincipal(), scheduleExists('monthly-access')],
  example: { body: example },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get a report schedule',
  needs: needs('read'),
  params,
  response: view,
  etag: 'revision',
  problems: [denied, scheduleNotFound()],
});

export const update = defineEndpoint({
  method: 'PATCH',
  path: ':name',
  summary: 'Change a report schedule',
  needs: `${needs('update')}, create claviger/reports/<kind>`,
  params,
  body: z
    .strictObject({
      formats: settings.formats,
      parameters: settings.parameters,
      ...timing,
      isEnabled: settings.isEnabled,
    })
    .partial(),
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  problems: [denied, scheduleNotFound(), staleMatch(4)],
  example: { body: { isEnabled: false } },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Delete a report schedule; the reports that it asked for stay',
  needs: needs('delete'),
  params,
  ifMatch: 'revision',
  status: 204,
  problems: [denied, scheduleNotFound(), staleMatch(4)],
});
