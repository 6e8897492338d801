import type { RequestContext } from '@claviger/kernel';
import type { ChangeEntity } from '@claviger/features/changes';
import { SourceChangeService } from '@claviger/features/secrets';
import type { SecretRoom } from './secret-room.js';

// Not behind the door of libs/testing: whoever imports this loads most of the program.

/** What a test may say of a change of source. */
type MoveInput = Partial<Parameters<SourceChangeService['change']>[2]>;

/** Changes of source in a room, whose replication a test has to work on itself. */
export type Moving = {
  /** Lets replication work on this database, as the start of a process does. */
  acceptDatabase(): Promise<void>;
  /** Works on the targets of a secret until `work` has ended. */
  working<T>(id: string, work: Promise<T>): Promise<T>;
  /** Asks for a change of source, with nobody working on the targets. */
  ask(id: string, profile: string, more?: MoveInput, ctx?: RequestContext): Promise<ChangeEntity | undefined>;
  move(id: string, profile: string, more?: MoveInput): Promise<ChangeEntity | undefined>;
  /** A while later another process takes over what was left behind. */
  recover(id: string): Promise<void>;
  /** Name of the source profile. */
  sourceOf(id: string): Promise<string>;
  /** By the names of their profiles. */
  targets(id: string): Promise<Record<string, unknown>[]>;
  /** Names of the profiles through which places are claimed for it. */
  places(id: string): Promise<unknown[]>;
};

/** For destructuring; the room may be made later. */
export function movingIn(room: () => SecretRoom): Moving {
  const working: Moving['working'] = async (id, work) => {
    const { reconciler, ctx } = room();
    let isOver = false;
    const ended = work.finally(() => (isOver = true));
    ended.catch(() => undefined);
    while (!isOver) {
      await reconciler.reconcile(ctx, id);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await reconciler.reconcile(ctx, id);
    return ended;
  };
  const ask: Moving['ask'] = (id, profile, more = {}, ctx = room().ctx) =>
    room()
      .get(SourceChangeService)
      .change(ctx, id, { profile, onConflict: 'fail', ...more });
  return {
    working,
    ask,
    move: (id, profile, more) => working(id, ask(id, profile, more)),
    acceptDatabase: async () => {
      await room().rows(
        `insert into database_epoch (id, system_identifier)
         select 1, system_identifier::text from pg_control_system() on conflict do nothing`,
      );
    },
    recover: async (id) => {
      const { clock, changes, ctx } = room();
      clock.skip(120_000);
      await working(id, changes.recover(ctx));
    },
    sourceOf: async (id) => {
      const { views, secrets, ctx } = room();
      return (await views.one(ctx, (await secrets.find(ctx, id)).secret)).sourceProfile;
    },
    targets: (id) =>
      room().rows(
        `select p.name as profile, t.status, t.desired_presence as presence
         from sync_target t join vault_profile p on p.id = t.profile_id where t.secret_id = $1 order by p.name`,
        [id],
      ),
    places: async (id) => {
      const rows = await room().rows(
        `select f.name from backend_place p join vault_profile f on f.id = p.profile_id
         where p.secret_id = $1 order by f.name`,
        [id],
      );
      return rows.map(({ name }) => name);
    },
  };
}
