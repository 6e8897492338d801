import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import { answer, child, AccessRoom } from '../../../testing/src/access-room.js';

const SECOND = 1_000;
const room = AccessRoom.forFile();

describe('TokenService', () => {
  it('takes a whole tree back, and nothing beside it', async () => {
    const process = await room.start();
    const parent = await process.tokens.create(await process.as(room.root), { policies: ['admin'] });
    const family = [parent.token];
    for (let i = 0; i < 4; i++) family.push(await child(process, family.at(-1)!));
    const sibling = await child(process, room.root);
    const orphan = await child(process, parent.token, { isOrphan: true });
    await process.tokens.revoke(await process.as(room.root), parent.view.accessor);
    for (const token of family) expect(await answer(process, token)).toBe('TOKEN_INVALID');
    for (const token of [room.root, sibling, orphan]) expect(await answer(process, token)).toBe('accepted');
  });

  it('leaves no child that was being made while its parent was revoked', async () => {
    const [one, other] = [await room.start(), await room.start()];
    for (let round = 0; round < 10; round++) {
      const parent = await one.tokens.create(await one.as(room.root), { policies: ['admin'] });
      const asParent = await other.as(parent.token);
      const asRoot = await one.as(room.root);
      const children = Array.from({ length: 6 }, () => other.tokens.create(asParent, {}));
      const [, ...made] = await Promise.allSettled([one.tokens.revoke(asRoot, parent.view.accessor), ...children]);
      for (const each of made) {
        if (each.status === 'fulfilled') expect(await answer(one, each.value.token)).toBe('TOKEN_INVALID');
        else expect(each.reason).toMatchObject({ code: 'TOKEN_INVALID' });
      }
    }
  });

  it('lets everybody look up, renew and revoke their own token, and nobody else theirs', async () => {
    const process = await room.start();
    const [mine, other] = [
      await process.tokens.create(await process.as(room.root), { policies: ['developer'] }),
      await process.tokens.create(await process.as(room.root), { policies: ['developer'] }),
    ];
    const ctx = await process.as(mine.token);
    expect((await process.tokens.self(ctx)).accessor).toBe(mine.view.accessor);
    await process.tokens.renew(ctx, mine.view.accessor);
    const denied = { code: 'ACCESS_DENIED' };
    for (const accessor of [other.view.accessor, 'a'.repeat(24)]) {
      await expect(process.tokens.get(ctx, accessor)).rejects.toMatchObject(denied);
      await expect(process.tokens.renew(ctx, accessor)).rejects.toMatchObject(denied);
      await expect(process.tokens.revoke(ctx, accessor)).rejects.toMatchObject(denied);
    }
    await expect(process.tokens.list(ctx, 10)).rejects.toMatchObject(denied);
    await expect(process.tokens.create(ctx, {})).rejects.toMatchObject(denied);
    await process.tokens.revoke(ctx, mine.view.accessor);
    expect(await answer(process, mine.token)).toBe('TOKEN_INVALID');
  });

  it('renews up to the maximum and never beyond', async () => {
    const clock = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const process = await room.start(clock);
    const wanted = { ttlSeconds: 60, maxTtlSeconds: 100 };
    const { token, view } = await process.tokens.create(await process.as(room.root), wanted);
    expect(view.expiresAt).toEqual(new Date('2026-03-01T10:01:00Z'));
    await clock.advance(30 * SECOND);
    const renewed = await process.tokens.renew(await process.as(token), view.accessor);
    expect(renewed).toMatchObject({ expiresAt: new Date('2026-03-01T10:01:30Z'), renewedAt: clock.now() });
    await clock.advance(30 * SECOND);
    expect(await process.tokens.renew(await process.as(token), view.accessor)).toMatchObject({
      expiresAt: new Date('2026-03-01T10:01:40Z'),
    });
    await clock.advance(41 * SECOND);
    expect(await answer(process, token)).toBe('TOKEN_INVALID');
    await expect(process.tokens.renew(await process.as(room.root), view.accessor)).rejects.toMatchObject({
      code: 'TOKEN_NOT_FOUND',
    });
  });

  it('lists what is alive by accessor, in pages', async () => {
    const clock = new FakeClock(new Date());
    const process = await room.start(clock);
    await child(process, room.root, { ttlSeconds: 60 });
    const parent = await child(process, room.root, { ttlSeconds: 60, policies: ['admin'] });
    await child(process, parent, { ttlSeconds: 3_600 });
    for (let i = 0; i < 4; i++) await child(process, room.root);
    await clock.advance(61 * SECOND);
    const ctx = await process.as(room.root);
    const first = await process.tokens.list(ctx, 3);
    const second = await process.tokens.list(ctx, 3, first.at(-1)!.accessor);
    const accessors = [...first, ...second].map(({ accessor }) => accessor);
    expect(accessors).toHaveLength(5);
    expect(accessors).toEqual([...accessors].sort());
    expect(accessors).toContain(ctx.actor.accessor);
  });

  it('removes what has ended, with what descends from it, and nothing else', async () => {
    const clock = new FakeClock(new Date());
    const process = await room.start(clock);
    const parent = await child(process, room.root, { ttlSeconds: 60, policies: ['admin'] });
    await child(process, parent, { ttlSeconds: 3_600 });
    const spent = await child(process, room.root, { uses: 1 });
    await process.access.authenticate(spent);
    const alive = await child(process, room.root, { ttlSeconds: 3_600 });
    await clock.advance(61 * SECOND);
    expect(await process.tokens.removeEnded(room.system())).toBe(2);
    const { rows } = await room.test.database.pool.query('select count(*)::int as count from token');
    expect(rows).toEqual([{ count: 2 }]);
    expect(await answer(process, alive)).toBe('accepted');
  });

  it('makes no first root token when there is one, or when it cannot be handed over', async () => {
    const process = await room.start();
    const first = (hand: () => Promise<void>): Promise<boolean> =>
      process.database.transaction(room.system(), (tx) => process.tokens.createFirst(tx, hand));
    expect(await first(() => Promise.reject(new Error('never called')))).toBe(false);
    await room.test.database.pool.query('delete from token');
    await expect(first(() => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full');
    expect(await first(async () => undefined)).toBe(true);
  });

  it('records each mutation once, with its facts', async () => {
    const process = await room.start();
    const before = await room.auditCount();
    const ctx = await process.as(room.root);
    const { view } = await process.tokens.create(ctx, { policies: ['auditor'] });
    await process.tokens.renew(ctx, view.accessor);
    await process.tokens.revoke(ctx, view.accessor);
    const { rows } = await room.test.database.pool.query(
      `select action, actor_id, details from audit_entry where details->>'accessor' = $1`,
      [view.accessor],
    );
    expect(await room.auditCount()).toBe(before + 3);
    expect(new Set(rows.map(({ action }) => action))).toEqual(new Set(['token.create', 'token.renew', 'token.revoke']));
    for (const { actor_id, details } of rows) {
      expect(actor_id).toBe(ctx.actor.id);
      expect(details).toMatchObject({ accessor: view.accessor, policies: 'auditor' });
    }
  });
});
