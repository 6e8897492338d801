import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { FakeClock, pendingSchemaChanges } from '@claviger/testing';
import {
  answer,
  becomesCurrent,
  child,
  countStatements,
  AccessRoom,
  KV_READER,
} from '../../../testing/src/access-room.js';

const SECOND = 1_000;
const room = AccessRoom.forFile();

describe('the tables', () => {
  it('are those that the entities describe', async () => {
    const changes = await pendingSchemaChanges(room.test.dataSource);
    // Stores have no entity, and access does not know that of principals; so TypeORM knows no reference to them.
    const unknown = /DROP CONSTRAINT "fk_(\w+_store|token_principal)"$/;
    expect(changes.filter((change) => !unknown.test(change))).toEqual([]);
  });
});

describe('authenticate', () => {
  it('says who holds a token and whose descendant it is', async () => {
    const process = await room.start();
    const top = await process.as(room.root);
    const { token, view } = await process.tokens.create(top, { policies: ['auditor'], displayName: 'ada' });
    const { actor } = await process.as(token);
    expect(actor).toMatchObject({ type: 'token', displayName: 'ada', policies: ['auditor'], accessor: view.accessor });
    expect(actor.rootId).toBe(top.actor.rootId);
    expect(top.actor.rootId).toBe(`token:${top.actor.id}`);
  });

  it('answers alike for what was never a token and for what is none any more', async () => {
    const clock = new FakeClock(new Date());
    const process = await room.start(clock);
    const [revoked, expired, spent] = [
      await process.tokens.create(await process.as(room.root), {}),
      await child(process, room.root, { ttlSeconds: 60 }),
      await child(process, room.root, { uses: 1 }),
    ];
    await process.tokens.revoke(await process.as(room.root), revoked.view.accessor);
    await process.access.authenticate(spent);
    await clock.advance(61 * SECOND);
    const texts = ['', 'x', `${room.root.reveal()}x`, `cvg_${'a'.repeat(43)}`, "cvg_' or 1=1 --", 's.abc', '\u0000'];
    const refusals: unknown[] = [];
    for (const token of [revoked.token, expired, spent, ...texts.map((text) => new SecretValue(text))]) {
      await process.access.authenticate(token).catch((error: unknown) => refusals.push({ ...(error as Error) }));
    }
    expect(refusals).toHaveLength(3 + texts.length);
    for (const refusal of refusals) {
      expect(refusal).toEqual(refusals[0]);
      expect(refusal).toMatchObject({ code: 'TOKEN_INVALID', kind: 'unauthenticated' });
    }
  });

  it('answers from memory while memory can be believed', async () => {
    const process = await room.start();
    await becomesCurrent(process);
    const reads = countStatements(process, 'access_find_token');
    const actors = [];
    for (let i = 0; i < 10; i++) actors.push(await process.access.authenticate(room.root));
    expect(reads()).toBe(1);
    expect(new Set(actors).size).toBe(1);
  });

  it('reads every time while it is not known whether something was revoked', async () => {
    const process = await room.start();
    await process.epoch.onApplicationShutdown();
    const reads = countStatements(process, 'access_find_token');
    for (let i = 0; i < 3; i++) await process.access.authenticate(room.root);
    expect(process.epoch.isCurrent()).toBe(false);
    expect(reads()).toBe(3);
  });

  it('judges expiry by the clock, also of what it remembers', async () => {
    const clock = new FakeClock(new Date());
    const process = await room.start(clock);
    const token = await child(process, room.root, { ttlSeconds: 60 });
    await becomesCurrent(process);
    expect(await answer(process, token)).toBe('accepted');
    await clock.advance(59 * SECOND);
    expect(await answer(process, token)).toBe('accepted');
    await clock.advance(1 * SECOND);
    expect(await answer(process, token)).toBe('TOKEN_INVALID');
  });

  it('refuses a child when one that it descends from has ended, and not when that was renewed', async () => {
    const clock = new FakeClock(new Date());
    const process = await room.start(clock);
    const parent = await process.tokens.create(await process.as(room.root), { ttlSeconds: 60, policies: ['admin'] });
    const grandchild = await child(process, await child(process, parent.token), { ttlSeconds: 3_600 });
    await becomesCurrent(process);
    expect(await answer(process, grandchild)).toBe('accepted');
    await clock.advance(59 * SECOND);
    await process.tokens.renew(await process.as(parent.token), parent.view.accessor);
    await clock.advance(30 * SECOND);
    expect(await answer(process, grandchild)).toBe('accepted');
    await clock.advance(31 * SECOND);
    expect(await answer(process, grandchild)).toBe('TOKEN_INVALID');
  });

  it('gives a limited token exactly its uses, however many processes are asked at a time', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const token = await child(one, room.root, { uses: 7 });
    await Promise.all([becomesCurrent(one), becomesCurrent(other)]);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => answer(i % 2 ? one : other, token)));
    expect(answers.filter((each) => each === 'accepted')).toHaveLength(7);
  });

  it('does not remember a limited token', async () => {
    const process = await room.start();
    await becomesCurrent(process);
    const token = await child(process, room.root, { uses: 2 });
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await answer(process, token));
    expect(answers).toEqual(['accepted', 'accepted', 'TOKEN_INVALID']);
  });

  it('keeps no token, neither in tables nor in logs', async () => {
    const process = await room.start();
    const token = await child(process, room.root, { policies: ['auditor'] });
    await process.access.authenticate(token);
    const misplaced: unknown[] = [];
    for (const ctx of [await process.as(room.root), await process.as(token)]) {
      const text = token.reveal();
      const calls = [
        () => process.tokens.get(ctx, text),
        () => process.tokens.renew(ctx, text),
        () => process.tokens.revoke(ctx, text),
        () => process.policies.get(ctx, text),
        () => process.policies.create(ctx, text, KV_READER),
        () => process.tokens.create(ctx, { policies: [text] }),
      ];
      for (const call of calls)
        await call().catch((error: unknown) => misplaced.push({ ...(error as Error), text: String(error) }));
    }
    expect(misplaced).toHaveLength(12);
    await process.uses.flush();
    const { rows } = await room.test.database.pool.query(
      `select t::text as row from token t union all select e::text from audit_entry e`,
    );
    const kept = JSON.stringify([rows, misplaced]) + room.logs.text();
    for (const canary of [token, room.root]) {
      const text = canary.reveal();
      for (const form of [
        text,
        text.slice(4),
        Buffer.from(text).toString('hex'),
        Buffer.from(text).toString('base64'),
      ]) {
        expect(kept).not.toContain(form);
      }
    }
  });

  it('notes when and from where a token was last used, without writing at each use', async () => {
    const clock = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const process = await room.start(clock);
    const writes = countStatements(process, 'access_mark_used');
    await process.as(room.root, '192.0.2.1');
    await clock.advance(SECOND);
    await process.as(room.root, '192.0.2.2');
    expect(writes()).toBe(0);
    await process.uses.flush();
    expect(writes()).toBe(1);
    expect(await process.tokens.self(await process.as(room.root))).toMatchObject({
      lastUsedAt: new Date('2026-03-01T10:00:01Z'),
      lastUsedAddress: '192.0.2.2',
    });
  });

  it('does not turn the time of the last use back when another process was later', async () => {
    const late = new FakeClock(new Date('2026-03-01T10:00:05Z'));
    const early = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const [one, other] = [await room.start(late), await room.start(early)];
    await one.as(room.root, '192.0.2.1');
    await other.as(room.root, '192.0.2.2');
    await one.uses.flush();
    await other.uses.flush();
    expect(await one.tokens.self(await one.as(room.root))).toMatchObject({ lastUsedAddress: '192.0.2.1' });
  });
});

describe('can', () => {
  it('refuses by default, and for a policy that does not exist', async () => {
    const process = await room.start();
    const ctx = await process.as(await child(process, room.root, { policies: ['nothing-of-that-name'] }));
    expect(process.access.can(ctx, 'k/data/a', 'read')).toBe(false);
    expect(() => process.access.authorize(ctx, 'k/data/a', 'read')).toThrow(
      expect.objectContaining({ code: 'ACCESS_DENIED', details: { path: 'k/data/a', operation: 'read' } }),
    );
  });

  it('merges ready and written policies', async () => {
    const process = await room.start();
    await process.policies.create(await process.as(room.root), 'reader', KV_READER);
    const ctx = await process.as(await child(process, room.root, { policies: ['operator', 'reader'] }));
    expect(process.access.can(ctx, 'k/data/a', 'read')).toBe(true);
    expect(process.access.can(ctx, 'claviger/vault-instances/a', 'update')).toBe(true);
    expect(process.access.can(ctx, 'claviger/tokens/a', 'read')).toBe(false);
  });

  it('asks for sudo on root-protected paths', async () => {
    const process = await room.start();
    const admin = await process.as(room.root);
    await process.policies.create(admin, 'sealer', '{"path": {"sys/*": {"capabilities": ["update"]}}}');
    const sealer = await process.as(await child(process, room.root, { policies: ['sealer'] }));
    expect(process.access.can(sealer, 'sys/mounts/a', 'update')).toBe(true);
    expect(process.access.can(sealer, 'sys/seal', 'update')).toBe(false);
    expect(process.access.can(sealer, '/sys/seal', 'update')).toBe(false);
    expect(process.access.can(admin, 'sys/seal', 'update')).toBe(true);
  });

  it('refuses what depends on more than path and operation', async () => {
    const process = await room.start();
    const text = JSON.stringify({
      path: {
        'k/data/a': { capabilities: ['update'], denied_parameters: { ttl: [] } },
        'k/metadata/': { capabilities: ['list'], list_scan_response_keys_filter_path: 'k/data/{{ .key }}' },
      },
    });
    await process.policies.create(await process.as(room.root), 'conditional', text);
    const ctx = await process.as(await child(process, room.root, { policies: ['conditional'] }));
    expect(process.access.can(ctx, 'k/data/a', 'update')).toBe(false);
    expect(process.access.can(ctx, 'k/metadata/', 'list')).toBe(false);
  });

  it('lets a part of a policy end by the clock', async () => {
    const clock = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const process = await room.start(clock);
    const text = '{"path": {"k/data/*": {"capabilities": ["read"], "expiration": "2026-03-01T11:00:00Z"}}}';
    await process.policies.create(await process.as(room.root), 'until-eleven', text);
    const token = await child(process, room.root, { policies: ['until-eleven'] });
    await becomesCurrent(process);
    expect(process.access.can(await process.as(token), 'k/data/a', 'read')).toBe(true);
    await clock.advance(3_601 * SECOND);
    expect(process.access.can(await process.as(token), 'k/data/a', 'read')).toBe(false);
  });

  it('lets Claviger itself do everything', async () => {
    expect((await room.start()).access.can(room.system(), 'k/data/a', 'delete')).toBe(true);
  });

  it('refuses the holder of a policy that cannot be read, naming it', async () => {
    const process = await room.start();
    await process.policies.create(await process.as(room.root), 'broken', KV_READER);
    const token = await child(process, room.root, { policies: ['broken'] });
    await room.test.database.pool.query(`update policy set text = '{', revision = revision + 1`);
    await expect(process.access.authenticate(token)).rejects.toMatchObject({
      code: 'POLICY_UNREADABLE',
      kind: 'internal',
      message: expect.stringContaining('broken'),
    });
  });
});
