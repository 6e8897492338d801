import { describe, expect, it } from '@jest/globals';
import { createTestDatabase, pendingSchemaChanges } from '@claviger/testing';
import { ENTITIES } from './entities.js';

/** Entities name tables and columns; indexes and foreign keys are the migrations' alone. */
const BELONGS_TO_MIGRATIONS = /^DROP INDEX |DROP CONSTRAINT "fk_/;

describe('ENTITIES', () => {
  it('are what the migrations make', async () => {
    const test = await createTestDatabase(ENTITIES);
    try {
      const changes = await pendingSchemaChanges(test.dataSource);
      expect(changes.filter((statement) => !BELONGS_TO_MIGRATIONS.test(statement))).toEqual([]);
    } finally {
      await test.drop();
    }
  });
});
