import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import fc from 'fast-check';
import { KeyProcess } from '../../../testing/src/key-room.js';
import { json } from '../../../testing/src/secret-room.js';
import { SETTLING_MS } from './key-rotation.policy.js';

let db: TestDatabase;
let processes: KeyProcess[];
let count = 0;

beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  const first = await KeyProcess.start(db);
  processes = [first, await KeyProcess.start(db, undefined, first.room.clock)];
  await first.room.builtin('prod');
});
afterAll(() => db.drop());

type Act =
  | { readonly do: 'create' | 'beat' | 'advance' | 'day'; readonly by: number }
  | { readonly do: 'write'; readonly by: number; readonly which: number }
  | { readonly do: 'rotate'; readonly by: number; readonly kind: 'kek' | 'data' | 'fingerprint' };

const by = fc.nat(1);
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: fc.constantFrom('create', 'beat', 'advance', 'day'), by }),
  fc.record({ do: fc.constant('write' as const), by, which: fc.nat(50) }),
  fc.record({ do: fc.constant('rotate' as const), by, kind: fc.constantFrom('kek', 'data', 'fingerprint') }),
);

/** What every secret should hold. */
type Model = Map<string, number>;

async function perform(one: Act, model: Model): Promise<void> {
  const process = processes[one.by]!;
  const { room } = process;
  switch (one.do) {
    case 'create':
      model.set(await room.secret(`secret-${(count += 1)}`, { content: { value: count } }), count);
      return;
    case 'write': {
      const ids = [...model.keys()];
      const id = ids[one.which % ids.length];
      if (!id) return;
      await room.content.write(room.ctx, id, { content: json({ value: (count += 1) }) });
      model.set(id, count);
      return;
    }
    case 'rotate':
      await process.rotations.start(room.ctx, one.kind).catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'KEY_ROTATION_UNDER_WAY') throw error;
      });
      return;
    case 'beat':
      return process.registry.beat();
    case 'advance':
      return process.rotator.advance(process.ctx);
    case 'day':
      return room.clock.skip(SETTLING_MS + 1);
  }
}

describe('any sequence of rotations and writes by two processes', () => {
  it('leaves everything readable by both, and once nothing is under way only keys that are needed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        const model: Model = new Map();
        for (const one of acts) await perform(one, model);
        for (const { room } of processes)
          for (const [id, value] of model) {
            const { content } = await room.content.read(room.ctx, id);
            expect(JSON.parse(content.reveal())).toEqual({ value });
          }
        const [here, other] = processes as [KeyProcess, KeyProcess];
        for (let round = 0; round < 3; round += 1) {
          await here.rotator.advance(here.ctx);
          await other.registry.beat();
          await here.rotator.advance(here.ctx);
          await other.registry.beat();
          await here.rotator.advance(here.ctx);
          here.room.clock.skip(SETTLING_MS + 1);
        }
        expect((await here.status.get(here.ctx)).rotations).toEqual([]);
        const { keys } = await here.status.get(here.ctx);
        expect(keys.filter(({ kind }) => kind === 'data')).toHaveLength(1);
        expect(await here.resealing.count(here.ctx)).toBe(0);
        for (const [id, value] of model) {
          // Equal content is known to be, whatever happened to the key of its fingerprint.
          const again = await here.room.content.write(here.room.ctx, id, { content: json({ value }) });
          expect(again).toMatchObject({ unchanged: true });
        }
      }),
      { numRuns: 12 },
    );
  });
});
