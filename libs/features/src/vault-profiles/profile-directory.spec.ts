import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from '@claviger/platform/database';
import { FakeClock, testContext } from '@claviger/testing';
import { ProfileDirectory } from './profile-directory.js';
import type { BoundProfile, ProfileSnapshot, VaultProfileRepository } from './vault-profile.repository.js';

const ctx = testContext();
const bound = (id: string): BoundProfile => ({ profile: { id, name: `name-${id}` }, instance: {} }) as BoundProfile;

/** Profiles as another process or this one writes them; counts how it is asked. */
class Table {
  stamps = 0;
  snapshots = 0;
  /** Runs while a snapshot is being read. */
  onSnapshot: () => void = () => undefined;
  #ids: string[] = [];
  #changes = 0;

  write(...ids: string[]): void {
    this.#ids = ids;
    this.#changes += 1;
  }

  async stamp(): Promise<string> {
    this.stamps += 1;
    return String(this.#changes);
  }

  async snapshot(): Promise<ProfileSnapshot> {
    this.snapshots += 1;
    const snapshot = { stamp: String(this.#changes), living: this.#ids.map(bound), names: new Map<string, string>() };
    const { onSnapshot } = this;
    this.onSnapshot = () => undefined;
    onSnapshot();
    await new Promise(setImmediate);
    return snapshot;
  }
}

describe('ProfileDirectory', () => {
  let table: Table;
  let clock: FakeClock;
  let directory: ProfileDirectory;

  beforeEach(() => {
    table = new Table();
    clock = new FakeClock();
    const database = { afterCommit: (_ctx: unknown, action: () => void) => action() } as Database;
    directory = new ProfileDirectory(database, table as unknown as VaultProfileRepository, clock);
    table.write('a');
  });

  it('finds by id and by name, from memory for a second', async () => {
    expect(await directory.find(ctx, 'a')).toEqual(bound('a'));
    expect(await directory.find(ctx, 'name-a')).toEqual(bound('a'));
    await clock.advance(999);
    await directory.find(ctx, 'a');
    expect(table).toMatchObject({ stamps: 0, snapshots: 1 });
  });

  it('asks only whether anything has changed when the second is over', async () => {
    await directory.find(ctx, 'a');
    await clock.advance(1_000);
    await directory.find(ctx, 'a');
    expect(table).toMatchObject({ stamps: 1, snapshots: 1 });
    await clock.advance(1_000);
    table.write('b');
    expect(await directory.find(ctx, 'b')).toEqual(bound('b'));
    expect(await directory.find(ctx, 'a')).toBeUndefined();
  });

  it('looks again for what it does not find', async () => {
    await directory.find(ctx, 'a');
    table.write('a', 'b');
    expect(await directory.find(ctx, 'b')).toEqual(bound('b'));
  });

  it('forgets what a change of this process has overtaken', async () => {
    await directory.find(ctx, 'a');
    table.write('b');
    directory.changed(ctx);
    expect(await directory.find(ctx, 'a')).toBeUndefined();
  });

  it('reads once more when a change commits while it reads', async () => {
    table.onSnapshot = () => {
      table.write('b');
      directory.changed(ctx);
    };
    expect(await directory.find(ctx, 'a')).toBeUndefined();
    expect(await directory.find(ctx, 'b')).toEqual(bound('b'));
  });

  it('reads once for all who ask at the same time', async () => {
    await Promise.all(['a', 'a', 'name-a'].map((key) => directory.find(ctx, key)));
    expect(table.snapshots).toBe(1);
  });

  it('remembers nothing that a transaction shows', async () => {
    await directory.find(ctx, 'a');
    await clock.advance(1_000);
    const inside = { ...ctx, transaction: { isTransaction: true } as const };
    table.write('uncommitted');
    expect(await directory.find(inside, 'uncommitted')).toEqual(bound('uncommitted'));
    table.write('a');
    expect(await directory.find(ctx, 'uncommitted')).toBeUndefined();
  });

  it('keeps stores apart', async () => {
    await directory.find(ctx, 'a');
    await directory.find(testContext(), 'a');
    expect(table.snapshots).toBe(2);
  });

  it('tells its listeners when it has read anew', async () => {
    const told: string[] = [];
    directory.onReload((storeId, living) => told.push(`${storeId} ${living.map(({ profile }) => profile.id).join()}`));
    await directory.find(ctx, 'a');
    await clock.advance(1_000);
    await directory.find(ctx, 'a');
    expect(told).toEqual([`${ctx.storeId} a`]);
  });
});
