import { Inject, Injectable } from '@nestjs/common';
import { Outbox, type NewEvent } from '@claviger/features/notifications';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Database } from '@claviger/platform/database';
import { ComplianceDirectory } from './compliance-directory.js';
import { ComplianceDue } from './compliance-due.js';
import { ComplianceRecords, type Look, type OpenOfSecret } from './compliance-records.js';
import { differenceOf, type Turn } from './difference.policy.js';
import { evaluate, nextLookAt } from './evaluation.policy.js';
import type { SecretState } from './facts/secret-state.js';
import { SecretStates, type LoadedSecret } from './secret-states.js';

/** Most secrets that are judged and recorded in one transaction. */
export const BATCH = 500;
/** Fewer at once in a sweep, so that what is left without a rest is little. */
const SWEEP_BATCH = 200;
/** A sweep rests this many times as long as it worked: who is served hardly notices it. */
const REST = 9;
/** Longer sweeps end, and the next one goes on. */
const SWEEP_MS = 20_000;

type Judging = {
  readonly now: Date;
  readonly uses: ReadonlyMap<string, number>;
  readonly open: ReadonlyMap<string, OpenOfSecret>;
};

/** Judges secrets by the compliance profiles in force, and records what has changed. */
@Injectable()
export class Evaluator {
  constructor(
    private readonly database: Database,
    private readonly due: ComplianceDue,
    private readonly states: SecretStates,
    private readonly records: ComplianceRecords,
    private readonly directory: ComplianceDirectory,
    private readonly outbox: Outbox,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Looks at the secrets whose time has come; returns at how many. */
  async sweep(ctx: RequestContext, signal?: AbortSignal): Promise<number> {
    const startedAt = this.clock.now().getTime();
    let looked = 0;
    for (;;) {
      const batchAt = this.clock.now().getTime();
      const batch = await this.#batch(ctx, (tx) => this.due.claim(tx, this.clock.now(), SWEEP_BATCH));
      looked += batch;
      const now = this.clock.now().getTime();
      if (batch < SWEEP_BATCH || signal?.aborted || now - startedAt > SWEEP_MS) return looked;
      await this.clock.sleep((now - batchAt) * REST, signal);
    }
  }

  /** Looks at these secrets now, at most {@link BATCH}. */
  async look(ctx: RequestContext, secretIds: readonly string[]): Promise<void> {
    await this.#batch(ctx, (tx) => this.due.take(tx, secretIds));
  }

  async #batch(ctx: RequestContext, claim: (tx: RequestContext) => Promise<string[]>): Promise<number> {
    const { ids, moved } = await this.database.transaction(ctx, async (tx) => {
      const claimed = await claim(tx);
      return { ids: claimed, moved: claimed.length > 0 ? await this.#evaluate(tx, claimed) : [] };
    });
    // Outside, because it waits for others who judge those that share a value; the schedule finds what a crash leaves out.
    await this.due.markSharing(ctx, moved, ids);
    return ids.length;
  }

  /** In the transaction that holds them. Returns fingerprints that came or went. */
  async #evaluate(tx: RequestContext, ids: readonly string[]): Promise<string[]> {
    const now = this.clock.now();
    const loaded = new Map((await this.states.load(tx, ids)).map((secret) => [secret.secretId, secret]));
    const given = ids.map((secretId) => ({ secretId, fingerprint: loaded.get(secretId)?.fingerprint ?? null }));
    const moved = await this.records.moveFingerprints(tx, given);
    const used = [...new Set(given.flatMap(({ fingerprint }) => fingerprint ?? []))];
    const judging = { now, uses: await this.records.countUses(tx, used), open: await this.records.open(tx, ids) };
    const looks = await this.#looks(tx, ids, loaded, judging);
    await this.records.write(tx, looks, now);
    await this.outbox.addMany(
      tx,
      looks.flatMap((look) => eventsOf(look, judging.open.get(look.secretId)!)),
    );
    return moved;
  }

  async #looks(
    tx: RequestContext,
    ids: readonly string[],
    loaded: ReadonlyMap<string, LoadedSecret>,
    { now, uses, open }: Judging,
  ): Promise<Look[]> {
    const profiles = await this.directory.allNow(tx);
    const intervalMs = this.config.work.complianceIntervalSeconds * 1_000;
    return ids.map((secretId) => {
      const before = open.get(secretId)!;
      const secret = loaded.get(secretId);
      if (!secret) return { secretId, found: null, difference: differenceOf(before, undefined) };
      const { fingerprint, version, vaultProfile } = secret;
      const present = { ...secret.state, reusedBy: fingerprint === null ? 0 : (uses.get(fingerprint) ?? 1) - 1 };
      const evaluation = evaluate({ vaultProfile, state: present }, profiles, now);
      const { verifiedAt: _, ...state } = present;
      const difference = differenceOf(before, { version, vaultProfile, state, evaluation });
      const steadySince = difference.hasNewSnapshot ? now : before.since!;
      const schedule = { now, changesAt: evaluation.changesAt, steadySince, intervalMs };
      const dueAt = nextLookAt({ secretId, vaultProfile, state: present }, schedule);
      return { secretId, found: { version, vaultProfile, state, fingerprint, dueAt }, difference };
    });
  }
}

/** What is told of a look: nothing of rules that only observe. */
function eventsOf({ secretId, found, difference }: Look, before: OpenOfSecret): NewEvent[] {
  const state: SecretState | undefined = found?.state ?? before.snapshot?.state;
  if (!state) return [];
  const event = (type: NewEvent['type'], turns: readonly Turn[]): NewEvent[] => {
    const told = turns.filter(({ mode }) => mode !== 'observe');
    if (told.length === 0) return [];
    const rules = told.map(({ profile, rule, severity, mode }) => ({ profile, rule, severity, mode }));
    const facts = { name: state.name, vaultProfile: state.source.profile, version: state.version, rules };
    return [{ type, subjectId: secretId, facts }];
  };
  return [...event('compliance.broken', difference.broken), ...event('compliance.mended', difference.mended)];
}
