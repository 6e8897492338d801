import { captureLogs, type LogCapture } from '@claviger/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Queue } from 'bullmq';
import { z } from 'zod';
import type { BatchingJobQueue } from './batching-job-queue.js';
import { defineJob, NO_RETRY } from './job-definition.js';
import { everyMs } from './job-schedule.js';
import { ScheduleKeeper } from './schedule-keeper.js';

const SWEEP = defineJob({ name: 'test.sweep', payload: z.object({}), retry: NO_RETRY, lane: 'sweep' });
const PRUNE = defineJob({ name: 'test.prune', payload: z.object({}), retry: NO_RETRY, lane: 'sweep' });
const HOUR = 3_600_000;

type Scheduler = { readonly key: string; readonly every: number; readonly next: number };

let present: Scheduler[];
let calls: string[];
let asked: string[];
let logs: LogCapture;

const queue = {
  getJobSchedulers: () => (present ? Promise.resolve(present) : Promise.reject(new Error('away'))),
  upsertJobScheduler: async (id: string, { every }: { every: number }) => void calls.push(`put ${id} ${every}`),
  removeJobScheduler: async (id: string) => void calls.push(`remove ${id}`),
} as unknown as Queue;
const jobs = {
  enqueueIfIdle: ({ name }: { name: string }) => void asked.push(name),
} as unknown as BatchingJobQueue;

const keeper = (): ScheduleKeeper =>
  new ScheduleKeeper(queue, jobs, [everyMs(HOUR, SWEEP, {}), everyMs(2 * HOUR, PRUNE, {})], logs.logger);
const inPlace = (key: string, every: number, next = Date.now() + 1_000): Scheduler => ({ key, every, next });

beforeEach(() => {
  present = [];
  calls = [];
  asked = [];
  logs = captureLogs();
});

describe('ScheduleKeeper', () => {
  it('puts in place what is missing', async () => {
    await keeper().keep();
    expect(calls).toEqual([`put test.sweep ${HOUR}`, `put test.prune ${2 * HOUR}`]);
  });

  it('leaves alone what is in place, so that its time does not move', async () => {
    present = [inPlace('test.sweep', HOUR), inPlace('test.prune', 2 * HOUR)];
    await keeper().keep();
    expect(calls).toEqual([]);
  });

  it('changes an interval', async () => {
    present = [inPlace('test.sweep', 5), inPlace('test.prune', 2 * HOUR)];
    await keeper().keep();
    expect(calls).toEqual([`put test.sweep ${HOUR}`]);
  });

  it('revives a schedule whose tick is long overdue, because its job was lost', async () => {
    present = [inPlace('test.sweep', HOUR, Date.now() - 60_000), inPlace('test.prune', 2 * HOUR, Date.now() - 1_000)];
    await keeper().keep();
    expect(calls).toEqual([`put test.sweep ${HOUR}`]);
  });

  it('removes what is not in the list any more', async () => {
    present = [inPlace('test.sweep', HOUR), inPlace('test.prune', 2 * HOUR), inPlace('test.old', HOUR)];
    await keeper().keep();
    expect(calls).toEqual(['remove test.old']);
  });

  it('logs that it cannot look, and goes on', async () => {
    present = undefined as unknown as Scheduler[];
    await keeper().keep();
    expect(logs.lines('queue.schedules_unchecked')).toHaveLength(1);
  });

  it('asks for the job of a tick, and for nothing when the schedule is not known', () => {
    keeper().tick('test.prune');
    keeper().tick('test.old');
    expect(asked).toEqual(['test.prune']);
  });
});
