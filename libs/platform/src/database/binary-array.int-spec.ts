import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import fc from 'fast-check';
import { BinaryArrays, type ArrayElement, type ArrayElementType } from './binary-array.js';

describe('BinaryArrays', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.drop());

  const storable = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '').toWellFormed());
  const instant = fc.date({ noInvalidDate: true, min: new Date('1900-01-01'), max: new Date('2999-01-01') });
  const elements: Readonly<Record<ArrayElementType, fc.Arbitrary<ArrayElement>>> = {
    text: storable,
    integer: fc.integer(),
    jsonb: fc.dictionary(storable, storable).map((value) => JSON.stringify(value)),
    bytea: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('hex')),
    uuid: fc.integer({ min: 0, max: 2 ** 40 }).map((ms) => newId(ms)),
    date: instant.map((at) => at.toISOString().slice(0, 10)),
    timestamptz: instant.map((at) => at.toISOString()),
  };
  // PostgreSQL's own reading of the text form is what the binary form must equal.
  const own = (type: ArrayElementType): string => (type === 'bytea' ? `decode(t, 'hex')` : `t::${type}`);

  it.each(Object.entries(elements) as [ArrayElementType, fc.Arbitrary<ArrayElement>][])(
    'writes %s as PostgreSQL reads its text',
    async (type, element) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.option(element), fc.integer({ min: 1, max: 3 })), { maxLength: 8 }),
          fc.integer({ min: 0, max: 200 }),
          async (runs, fill) => {
            // The same value several times in a row, as rows that travel together have.
            // Too small for most, so that it grows; filled before, so that an array does not start where memory does.
            const arrays = new BinaryArrays(fill);
            arrays.write('integer', [1], (one) => one);
            const values = runs.flatMap(([value, times]) => Array.from({ length: times }, () => value));
            const { rows } = await test.database.pool.query<{ same: boolean | null; count: number }>(
              `select bool_and(b is not distinct from ${own(type)}) as same, count(*)::integer as count
           from unnest($1::${type}[], $2::text[]) as e (b, t)`,
              [arrays.write(type, values, (value) => value), values],
            );
            expect(rows[0]).toEqual({ same: values.length === 0 ? null : true, count: values.length });
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});
