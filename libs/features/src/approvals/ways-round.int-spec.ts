import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { AccessService } from '@claviger/features/access';
import { ChangeService } from '@claviger/features/changes';
import { SecretAdoption } from '@claviger/features/secrets';
import type { RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { errorOf, failing, refused } from '../../../testing/src/secret-faults.js';
import { json, type OutsideMount } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let room: ApprovalRoom;
let ada: RequestContext;
let bob: RequestContext;
let cyd: RequestContext;
let dev: RequestContext;
const PROD = { all: [{ fact: 'labels', operator: 'equal', value: 'prod', path: '$.env' }] };
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db);
  [ada, bob, cyd, dev] = [
    await room.principal('ada', { group: 'security', policies: ['ada-votes'] }),
    await room.principal('bob', { group: 'security' }),
    await room.principal('cyd', { group: 'owners' }),
    await room.principal('dev'),
  ];
  await room.principal('eve', { group: 'owners' });
  const steps = [{ groups: ['security'], votes: 1, expiresAfterSeconds: 3_600 }];
  await room.gated('writes', { kinds: ['content'], steps });
  await room.gated('prod-writes', { kinds: ['content'], condition: PROD, steps });
  await room.gated('reads', { kinds: ['content-read'], steps });
  await room.gated('twice', { kinds: ['content'], steps: [...steps, { groups: ['owners'], votes: 1 }] });
  await room.secrets.builtin('free');
});
afterAll(() => db.drop());

const tomorrow = (): Date => new Date(room.secrets.clock.now().getTime() + 86_400_000);

/** Takes a policy from whoever is not asking at the moment, while `work` is done. */
async function without(policy: string, work: () => Promise<void>): Promise<void> {
  const { taken } = room.secrets.get(AccessService) as unknown as { taken: Set<string> };
  taken.add(policy);
  await work().finally(() => taken.delete(policy));
}

/** A token of somebody that may do only this. */
function lesserTokenOf(
  { actor: { principal, rootId } }: RequestContext,
  path: Record<string, string[]>,
): RequestContext {
  const caller = room.secrets.caller(path);
  return { ...caller, actor: { ...caller.actor, rootId, ...(principal && { principal }) } };
}

describe('a failed change', () => {
  let outside: OutsideMount;
  beforeAll(async () => {
    outside = await room.secrets.outside('far');
  });

  async function failedWrite(name: string): Promise<{ secretId: string; id: string }> {
    const secretId = await room.secrets.secret(name, { sourceProfile: 'far' });
    failing(outside, 'put', refused('PERMISSION_DENIED'));
    const error = await errorOf(room.write(dev, secretId, { value: 'two' }));
    return { secretId, id: (error.details as { changeId: string }).changeId };
  }

  it('is not retried past an approval profile that was assigned since', async () => {
    const { id } = await failedWrite('tightened');
    await room.assign('far', 'writes');
    expect(await errorOf(room.secrets.changes.retry(dev, id))).toMatchObject({ code: 'CHANGE_STALE' });
    expect(await room.state(id)).toBe('failed');
    expect(await outside.read('tightened')).toEqual({ value: 'one' });
  });

  it('is not retried past a condition that holds for its secret since', async () => {
    await room.secrets.rows(
      `update vault_profile set approval_profile = null, revision = revision + 1 where name = 'far'`,
    );
    room.secrets.clock.skip(1_001);
    const { secretId, id } = await failedWrite('labelled');
    await room.assign('far', 'prod-writes');
    await room.secrets.secrets.edit(dev, secretId, { set: { labels: { env: 'prod' } } });
    expect(await errorOf(room.secrets.changes.retry(dev, id))).toMatchObject({ code: 'CHANGE_STALE' });
    await room.secrets.rows(`update secret set labels = '{}' where id = $1`, [secretId]);
    expect((await room.secrets.changes.retry(dev, id)).state).toBe('done');
  });
});

describe('a condition about who asks', () => {
  it('knows users and service accounts by name, and no token by the name that its maker gave it', async () => {
    const robot = await room.principal('deploy', { kind: 'service-account' });
    await room.gated('not-deploy', {
      kinds: ['content'],
      condition: { all: [{ fact: 'requester', operator: 'notEqual', value: 'deploy' }] },
      steps: [{ groups: ['security'], votes: 1 }],
    });
    const id = await room.ungatedSecret('not-deploy');
    expect((await room.write(robot, id, { value: 'two' })).state).toBe('done');
    const named = { ...room.ctx, actor: { ...room.ctx.actor, displayName: 'deploy' } };
    expect((await room.write(named, id, { value: 'three' })).state).toBe('pending_approval');
  });
});

describe('what is asked for in another guise', () => {
  /** A caller whose token, or the credential that it was got with, somebody made. */
  async function madeBy(caller: RequestContext, { actor: { principal } }: RequestContext): Promise<RequestContext> {
    await room.secrets.rows(
      `insert into token (store_id, id, hash, hash_key_id, accessor, display_name, policies, is_renewable, created_at, sponsor_id)
       values ($1, $2::uuid, $2::text::bytea, 'k', $2::text, 'ci', '{}', true, now(), $3)`,
      [room.ctx.storeId, caller.actor.id, principal!.id],
    );
    return caller;
  }

  it('is not decided by who made the token or credential: neither by a vote, nor by a delegate, nor is it shown to them', async () => {
    const robot = await madeBy(await room.principal('pipeline', { kind: 'service-account' }), ada);
    const orphan = room.secrets.caller({ '*': ['create', 'read', 'update', 'patch', 'delete', 'list'] });
    const deputy = await room.principal('deputy-of-ada');
    await room.delegations.create(ada, 'deputy-of-ada', tomorrow());
    for (const caller of [robot, await madeBy(orphan, ada)]) {
      const { id } = await room.write(caller, await room.ungatedSecret('writes'), { value: 'two' });
      expect(await errorOf(room.approve(ada, id))).toMatchObject({ code: 'OWN_REQUEST' });
      expect(await errorOf(room.approve(deputy, id))).toMatchObject({ code: 'NOT_A_VOTER' });
      expect(await room.view(ada, id)).toMatchObject({
        sponsor: 'ada',
        mayVote: false,
        review: null,
        steps: [{ couldVote: ['bob'] }],
      });
      const queue = await room.approvals.list(ada, { scope: 'decide', limit: 200 });
      expect(queue.map((one) => one.id)).not.toContain(id);
      await room.approve(bob, id);
      expect(await room.state(id)).toBe('done');
    }
  });

  it('is not looked at afterwards by who broke the glass with a token that they made', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('writes'), { value: 'two' });
    const orphan = await madeBy(room.secrets.caller({ '*': ['read', 'update'] }), ada);
    await room.breakGlass.breakGlass(orphan, id, 'now');
    expect(await errorOf(room.breakGlass.review(ada, id, 'fine'))).toMatchObject({ code: 'OWN_DEED' });
    await room.breakGlass.review(bob, id, 'was needed');
    expect((await room.view(ada, id)).breakGlass).toEqual({
      by: expect.anything(),
      at: expect.anything(),
      comment: 'now',
    });
  });
});

describe('bringing a secret under a condition', () => {
  it('waits where creating it there does', async () => {
    const steps = [{ groups: ['security'], votes: 1 }];
    await room.gated('prod-creates', { kinds: ['create', 'content'], condition: PROD, steps });
    const label = async (profile: string, env: string): Promise<string> => {
      const id = await room.ungatedSecret(profile);
      return (await room.secrets.secrets.edit(dev, id, { set: { labels: { env } } })).state;
    };
    expect(await label('prod-creates', 'prod')).toBe('pending_approval');
    expect(await label('prod-creates', 'test')).toBe('done');
    expect(await label('prod-writes', 'prod')).toBe('done');
  });
});

describe('a delegation', () => {
  it('is not made or ended by a token that may not vote itself', async () => {
    const lesser = lesserTokenOf(ada, { 'claviger/secrets/*': ['read'] });
    expect(await errorOf(room.delegations.create(lesser, 'dev', tomorrow()))).toMatchObject({ code: 'ACCESS_DENIED' });
    const { id } = await room.delegations.create(ada, 'eve', tomorrow());
    expect(await errorOf(room.delegations.remove(lesser, id))).toMatchObject({ code: 'ACCESS_DENIED' });
    await room.delegations.remove(ada, id);
  });

  it('gives nothing that its giver has not any more', async () => {
    const deputy = await room.principal('deputy');
    await room.delegations.create(ada, 'deputy', tomorrow());
    const { id } = await room.write(dev, await room.ungatedSecret('writes'), { value: 'two' });
    await without('ada-votes', async () =>
      expect(await errorOf(room.approve(deputy, id))).toMatchObject({ code: 'NOT_A_VOTER' }),
    );
    await room.approve(deputy, id);
    expect(await room.state(id)).toBe('done');
  });

  it('that was taken back makes a vote by it worthless, and one that has ended does not', async () => {
    const stand = await room.principal('stand-in');
    for (const isTakenBack of [true, false]) {
      const { id: delegation } = await room.delegations.create(
        ada,
        'stand-in',
        new Date(room.secrets.clock.now().getTime() + 60_000),
      );
      const { id } = await room.write(dev, await room.ungatedSecret('twice'), { value: 'two' });
      await room.approve(stand, id);
      if (isTakenBack) await room.delegations.remove(ada, delegation);
      else room.secrets.clock.skip(120_000);
      await room.approve(cyd, id);
      expect(await room.state(id)).toBe(isTakenBack ? 'stale' : 'done');
    }
  });
});

describe('a vote', () => {
  it('of somebody who may not vote any more does not count when the change is to be executed', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('twice'), { value: 'two' });
    await room.approve(ada, id);
    await without('ada-votes', () => room.approve(cyd, id));
    expect(await room.state(id)).toBe('stale');
  });
});

describe('content that nobody reads without approval', () => {
  it('is not compared either: a difference takes an approved read of both versions', async () => {
    const id = await room.ungatedSecret('reads');
    await room.write(dev, id, { value: 'a guess' });
    const diff = (): Promise<unknown> => room.secrets.content.diff(dev, id, { from: 1, to: 2 });
    const approveRead = async (version: number): Promise<void> =>
      room.approve(ada, (await room.secrets.content.requestRead(dev, id, { version })).id);
    expect(await errorOf(diff())).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });
    await approveRead(1);
    expect(await errorOf(diff())).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });
    await approveRead(2);
    await diff();
    expect(await errorOf(diff())).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });
  });

  it('is not generated or adopted into a copy that can be read', async () => {
    const wanted = { type: 'secret-key', sourceProfile: 'reads', onConflict: 'fail', generate: {} } as const;
    const create = (name: string, syncProfiles: string[]): ReturnType<typeof room.secrets.secrets.create> =>
      room.secrets.secrets.create(dev, { ...wanted, name, syncProfiles });
    expect((await create('kept', [])).state).toBe('done');
    expect((await create('copied', ['free'])).state).toBe('pending_approval');

    const outside = await room.secrets.outside('found');
    await outside.write('old', { value: 'unknown' });
    await room.assign('found', 'reads');
    const found = { name: 'old', type: 'key-value', sourceProfile: 'found', syncProfiles: ['free'] } as const;
    const { proposal } = await room.secrets.get(SecretAdoption).propose(dev, found);
    const { state } = await room.secrets.get(ChangeService).submit(dev, proposal.kind, proposal.change);
    expect(state).toBe('pending_approval');
  });

  it('may be copied by who made it', async () => {
    const change = await room.secrets.secrets.create(dev, {
      name: 'mine',
      type: 'key-value',
      content: json({ value: 'known' }),
      sourceProfile: 'reads',
      syncProfiles: ['free'],
      onConflict: 'fail',
    });
    expect(change.state).toBe('done');
  });
});

describe('forgetting a secret', () => {
  it('waits where anything of it does, because it could be made again without its labels', async () => {
    const id = await room.ungatedSecret('prod-writes', { value: 'one' }, { labels: { env: 'prod' } });
    expect((await room.secrets.secrets.remove(dev, id, { retain: true })).state).toBe('pending_approval');
    const other = await room.ungatedSecret('prod-writes');
    expect((await room.secrets.secrets.remove(dev, other, { retain: true })).state).toBe('done');
  });
});

describe('breaking the glass', () => {
  it('comes too late when the time to decide is over', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('writes'), { value: 'two' });
    room.secrets.clock.skip(3_600_000);
    expect(await errorOf(room.breakGlass.breakGlass(bob, id, 'now'))).toMatchObject({ code: 'APPROVAL_CLOSED' });
    expect(await room.state(id)).toBe('expired');
  });

  it('is looked at by a user: any other token may be in the hands of who did it', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('writes'), { value: 'two' });
    await room.breakGlass.breakGlass(bob, id, 'now');
    const robot = await room.principal('robot', { kind: 'service-account' });
    for (const caller of [room.ctx, robot])
      expect(await errorOf(room.breakGlass.review(caller, id, 'fine'))).toMatchObject({ code: 'NOT_A_USER' });
    await room.breakGlass.review(ada, id, 'was needed');
  });
});
