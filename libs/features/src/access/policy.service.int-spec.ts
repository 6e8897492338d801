import { describe, expect, it } from '@jest/globals';
import { child, AccessRoom, KV_READER } from '../../../testing/src/access-room.js';

const room = AccessRoom.forFile();

describe('PolicyService', () => {
  it('keeps a policy as it was sent', async () => {
    const process = await room.start();
    const ctx = await process.as(room.root);
    const text = '\n  {"path" : {"k/data/*": {"capabilities":["read"]}}}\n';
    await process.policies.create(ctx, 'reader', text, 'Reads k.');
    expect(await process.policies.get(ctx, 'reader')).toEqual({
      name: 'reader',
      description: 'Reads k.',
      isReady: false,
      revision: 1,
      policy: text,
    });
  });

  it.each([
    ['a text with a mistake', 'reader', '{"path": {\n"a": {"capabilities": ["reed"]}}}', 'POLICY_INVALID'],
    ['a name in capitals', 'Reader', KV_READER, 'INPUT_INVALID'],
    ['a name with a slash', 'a/b', KV_READER, 'INPUT_INVALID'],
    ['the name of a ready policy', 'admin', KV_READER, 'POLICY_IMMUTABLE'],
    ['the name root', 'root', KV_READER, 'POLICY_IMMUTABLE'],
  ])('refuses %s and changes nothing', async (_, name, text, code) => {
    const process = await room.start();
    const ctx = await process.as(room.root);
    const before = await room.auditCount();
    await expect(process.policies.create(ctx, name, text)).rejects.toMatchObject({ code });
    expect(await room.auditCount()).toBe(before);
    expect((await process.policies.list(ctx, 100)).every(({ isReady }) => isReady)).toBe(true);
  });

  it('refuses a second policy of a name', async () => {
    const process = await room.start();
    const ctx = await process.as(room.root);
    await process.policies.create(ctx, 'reader', KV_READER);
    await expect(process.policies.create(ctx, 'reader', KV_READER)).rejects.toMatchObject({ code: 'POLICY_EXISTS' });
  });

  it('neither changes nor removes a ready policy', async () => {
    const process = await room.start();
    const ctx = await process.as(room.root);
    const immutable = { code: 'POLICY_IMMUTABLE' };
    await expect(process.policies.update(ctx, 'auditor', KV_READER)).rejects.toMatchObject(immutable);
    await expect(process.policies.remove(ctx, 'auditor')).rejects.toMatchObject(immutable);
    expect((await process.policies.get(ctx, 'auditor')).policy).toContain('"+/data/*"');
  });

  it('lets nobody overwrite what somebody else has just changed', async () => {
    const process = await room.start();
    const ctx = await process.as(room.root);
    await process.policies.create(ctx, 'reader', KV_READER);
    const updates = await Promise.allSettled([1, 2, 3].map(() => process.policies.update(ctx, 'reader', KV_READER, 1)));
    expect(updates.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(process.policies.remove(ctx, 'reader', 1)).rejects.toMatchObject({
      code: 'STALE_MATCH',
      details: { current: 2 },
    });
    await process.policies.remove(ctx, 'reader', 2);
    await expect(process.policies.get(ctx, 'reader')).rejects.toMatchObject({ code: 'POLICY_NOT_FOUND' });
  });

  it('lists ready and written policies together, in pages by name', async () => {
    const process = await room.start();
    const ctx = await process.as(room.root);
    for (const name of ['zebra', 'b', 'bb', 'admin-of-k']) await process.policies.create(ctx, name, KV_READER);
    const names: string[] = [];
    for (let page = await process.policies.list(ctx, 2); page.length > 0;) {
      names.push(...page.map(({ name }) => name));
      page = await process.policies.list(ctx, 2, names.at(-1));
    }
    expect(names).toEqual(['admin', 'admin-of-k', 'approver', 'auditor', 'b', 'bb', 'developer', 'operator', 'zebra']);
  });

  it('does nothing for who may not, whether or not there is such a policy', async () => {
    const process = await room.start();
    await process.policies.create(await process.as(room.root), 'reader', KV_READER);
    const ctx = await process.as(await child(process, room.root, { policies: ['developer'] }));
    for (const name of ['reader', 'nothing']) {
      const denied = { code: 'ACCESS_DENIED', details: { path: `claviger/policies/${name}` } };
      await expect(process.policies.get(ctx, name)).rejects.toMatchObject(denied);
      await expect(process.policies.create(ctx, name, KV_READER)).rejects.toMatchObject(denied);
      await expect(process.policies.update(ctx, name, KV_READER)).rejects.toMatchObject(denied);
      await expect(process.policies.remove(ctx, name)).rejects.toMatchObject(denied);
    }
  });
});
