import { newId } from '@claviger/kernel';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineJob, NO_RETRY } from './job-definition.js';

describe('defineJob', () => {
  it('takes ids, words of a list, whole numbers and flags', () => {
    const job = defineJob({
      name: 'test.job',
      payload: z.object({ id: z.uuid(), mode: z.enum(['a', 'b']), count: z.int().optional(), isForced: z.boolean() }),
      retry: NO_RETRY,
      lane: 'user',
    });
    const payload = { id: newId(), mode: 'a' as const, isForced: true };
    expect(job.payload.parse(payload)).toEqual(payload);
    expect(job.payload.safeParse({ ...payload, id: 'text' }).success).toBe(false);
  });

  it('refuses a field that is not in the definition', () => {
    const job = defineJob({ name: 'test.job', payload: z.object({ id: z.uuid() }), retry: NO_RETRY, lane: 'user' });
    expect(job.payload.safeParse({ id: newId(), password: 'x' }).success).toBe(false);
  });

  it('has no place for free text, as the compiler says', () => {
    const job = { name: 'test.text', retry: NO_RETRY, lane: 'user' } as const;
    const refused = [
      // @ts-expect-error -- a string field could carry a value into the queue
      defineJob({ ...job, payload: z.object({ text: z.string() }) }),
      // @ts-expect-error -- so could an object
      defineJob({ ...job, payload: z.object({ any: z.object({}) }) }),
    ];
    expect(refused).toHaveLength(2);
  });
});
