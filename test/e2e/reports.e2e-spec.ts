import { eventually, type ApiClient } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { textOfPdf } from '../../libs/testing/src/pdf-text.js';
import { HookReceiver } from './hook-receiver.js';
import { fetchBytes, tellReportStory } from './report-story.js';
import { Stage, unique } from './stage.js';

jest.setTimeout(120_000);

let stage: Stage;
let auditor: ApiClient;
beforeAll(async () => {
  stage = await Stage.open({ bao: false });
  auditor = await stage.tokenWith('auditor');
});
afterAll(() => stage?.close());

describe('an auditor', () => {
  tellReportStory(() => stage);

  it('finds in the audit log who had which report drawn, and who fetched it', async () => {
    const actions = (await auditor.all('/audit-entries?action=report')).map(({ action }) => action as string);
    for (const action of ['report.request', 'report.draw', 'report.fetch']) expect(actions).toContain(action);
  });
});

describe('a schedule', () => {
  it('has a report drawn by the right of its owner, and tells a webhook where it is found', async () => {
    const receiver = await HookReceiver.start();
    const { name } = await stage.secret({ source: await stage.vault('builtin') });
    try {
      const hook = unique('hook');
      await stage.register('webhooks', { name: hook, url: receiver.url(`/${hook}`), eventTypes: ['report.*'] });
      const owner = await stage.userWith('admin');
      const body = { name: unique('schedule'), kind: 'inventory', formats: ['pdf'], cadence: 'daily', hour: 6 };
      expect(await owner.post('/report-schedules', body)).toMatchObject({ status: 201 });
      await stage.app.database.database.pool.query(`update report_schedule set next_run_at = now() where name = $1`, [
        body.name,
      ]);
      const told = await eventually(async () => {
        const post = receiver.posts.find(({ body: text }) => text.includes(body.name));
        expect(post).toBeDefined();
        return JSON.parse(post!.body) as { type: string; data: { subjectId: string; facts: { path: string } } };
      });
      expect(told).toMatchObject({ type: 'report.ready', data: { facts: { kind: 'inventory', schedule: body.name } } });
      expect(told.data.facts.path).toBe(`/api/v1/reports/${told.data.subjectId}`);
      expect(JSON.stringify(told)).not.toContain(name);
      expect(textOfPdf(await fetchBytes(auditor, `/reports/${told.data.subjectId}/documents/pdf`))).toContain(name);
    } finally {
      await receiver.close();
    }
  });
});
