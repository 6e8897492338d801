import { AppError, type RequestContext } from '@claviger/kernel';
import { changeOvertaken } from './change.errors.js';
import type { ChangeSubjectKeeper } from './change-subject.js';
import type { ExecutingChange } from './executing-change.js';

/** Ids and numbers about what was done; never a value. */
export type ChangeResult = Readonly<Record<string, unknown>>;

/**
 * How one kind of change is executed. A local change runs `begin` and `complete` in one transaction. Any other commits
 * `begin` first, then runs `act` against the outside, then commits `complete`; after a crash `act` is called again, so
 * it must find out what an earlier attempt did before it repeats anything.
 */
export interface ChangeHandler<P = Record<string, unknown>, Outcome = unknown> {
  readonly kind: string;
  /** Nothing else tells what it set and when: its changes are kept for ever, for reports of the past. */
  readonly isHistory?: boolean;
  /** Locks and reserves what the change needs. In a transaction. Throws when the world has moved since `prepare`. */
  begin?(ctx: RequestContext, change: ExecutingChange<P>): Promise<void>;
  /** Talks to vaults; not in a transaction. Bounded by `ctx.signal`. */
  act?(ctx: RequestContext, change: ExecutingChange<P>): Promise<Outcome>;
  /** Records what happened. In the transaction that ends the change. @throws ActAgain when `act` must look once more */
  complete(ctx: RequestContext, change: ExecutingChange<P>, outcome: Outcome): Promise<ChangeResult>;
  /** Reserves what a waiting change needs, for `begin` to find; gives the change as it is to be executed. In a transaction. */
  hold?(ctx: RequestContext, change: ExecutingChange<P>): Promise<ExecutingChange<P>>;
  /** Gives back what `hold` reserved, when the change ends without being executed. In a transaction. */
  release?(ctx: RequestContext, change: ExecutingChange<P>): Promise<void>;
  /** Gives back what `begin` reserved, when `act` or `complete` refused for good. In a transaction. */
  fail?(ctx: RequestContext, change: ExecutingChange<P>): Promise<void>;
}

/**
 * What `act` found out has changed before it could be recorded: nothing is, and `act` is called again while the attempt has
 * time. After that the change fails for good.
 */
export class ActAgain extends AppError {
  constructor() {
    const { code, kind, message } = changeOvertaken();
    super({ code, kind, message });
  }
}

/** The handlers of all kinds of change, and the keepers of what they are about; features add theirs when their module starts. */
export class ChangeHandlers {
  readonly #byKind = new Map<string, ChangeHandler<never, never>>();
  readonly #keepers = new Map<string, ChangeSubjectKeeper>();

  addKeeper(keeper: ChangeSubjectKeeper): void {
    if (this.#keepers.has(keeper.kind)) throw new Error(`Two keepers of ${keeper.kind}.`);
    this.#keepers.set(keeper.kind, keeper);
  }

  keeper(kind: string): ChangeSubjectKeeper {
    const keeper = this.#keepers.get(kind);
    if (!keeper) throw new Error(`No keeper of ${kind}.`);
    return keeper;
  }

  add<P, O>(handler: ChangeHandler<P, O>): void {
    if (this.#byKind.has(handler.kind)) throw new Error(`Two handlers for changes of kind ${handler.kind}.`);
    this.#byKind.set(handler.kind, handler as ChangeHandler<never, never>);
  }

  /** The kinds whose changes are kept for ever. */
  historyKinds(): string[] {
    return [...this.#byKind.values()].filter(({ isHistory }) => isHistory).map(({ kind }) => kind);
  }

  get(kind: string): ChangeHandler {
    const handler = this.#byKind.get(kind);
    if (!handler) throw new Error(`No handler for changes of kind ${kind}.`);
    return handler as unknown as ChangeHandler;
  }
}
