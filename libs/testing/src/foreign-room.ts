import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import type { WriteResult } from '../../features/src/secrets/plain-writes.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { mend } from './secret-faults.js';
import { createSecretRoom, json, OutsideKind, type OutsideMount, type SecretRoom } from './secret-room.js';

// To be imported by a test file: it opens the room before the file's tests and drops it after them.

/** The secrets room of the importing test file; set before its first test. */
export let room: SecretRoom;
/** A vault with versions and compare-and-set. */
export let kv2: OutsideMount;
/** A vault without. */
export let kv1: OutsideMount;

/** A vault with versions and markers, without compare-and-set, in which deletions wait. */
export let waiting: OutsideMount;

/** Its database. */
export let db: TestDatabase;
let kind: OutsideKind;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  kind = new OutsideKind();
  room = await createSecretRoom(db, kind);
  kv2 = await room.outside('kv2', 'pruned');
  kv1 = await room.outside('kv1', 'plain');
  waiting = await room.outside('waiting', 'scheduled');
});
afterAll(() => db.drop());
afterEach(() => mend(kind.mounts.values()));

export const ONE = { value: 'one' };
export const TWO = { value: 'two' };
/** What somebody else put there. */
export const THEIRS = { value: 'theirs' };

let counter = 0;
/** A name that no other test uses. */
export const unique = (): string => `secret-${(counter += 1)}`;

/** The same tests at both vaults. */
export const each = (tell: (mount: () => OutsideMount, isVersioned: boolean) => void): void => {
  describe('in a vault with versions', () => {
    tell(() => kv2, true);
  });
  describe('in a vault without', () => {
    tell(() => kv1, false);
  });
};

/** As the api does, without a reason. */
export const write = (id: string, content: object, baseVersion?: number): Promise<WriteResult> =>
  room.content.write(room.ctx, id, { content: json(content), ...(baseVersion === undefined ? {} : { baseVersion }) });

/** The content, parsed. */
export const read = async (id: string, version?: number): Promise<unknown> =>
  JSON.parse((await room.content.read(room.ctx, id, version)).content.reveal());

/** The row. */
export const secretOf = async (id: string) => (await room.secrets.find(room.ctx, id)).secret;

/** Newest first. */
export const versions = (id: string) => room.content.listVersions(room.ctx, id, { limit: 50 });
