import { isVaultError, type VaultCapabilities } from '../contract/index.js';
import { known, type CaseContext } from './case-context.js';
import { failureOf, oneWins, sameJson } from './expectations.js';
import { FILLABLE_HISTORY } from './requirement.js';

/** Finds out, in a vault of its own, what the vault does. Undefined: that cannot be told from outside. */
export type Probe<T> = (ctx: CaseContext) => Promise<T | undefined>;

type Observed = Omit<VaultCapabilities, 'maxContentBytes' | 'name'>;

const RACERS = 8;
const BIG = '{"n":12345678901234567890}';

/**
 * One probe per capability. `recursiveList` says how many requests a list takes, which no answer shows; the limits of
 * size and name are declared, and the conformance cases hold the vault to both sides of them.
 */
export const CAPABILITY_PROBES: { readonly [K in keyof Observed]-?: Probe<NonNullable<Observed[K]>> } = {
  versionedReads: async (ctx) => {
    const { version } = await ctx.put('a', '{"n":"1"}');
    await ctx.put('a', '{"n":"2"}');
    return isSupported(async () => sameJson((await ctx.read('a', version ?? '1')).text, '{"n":"1"}'));
  },
  compareAndSet: async (ctx) => {
    await ctx.put('a', '{"n":"1"}');
    const failure = await failureOf(ctx.put('a', '{"n":"2"}', 'no-such-version'));
    if (isVaultError(failure, 'VERSION_CONFLICT')) return true;
    if (isVaultError(failure, 'UNSUPPORTED')) return false;
    throw failure ?? new Error('A condition that cannot hold was ignored.');
  },
  atomicCreate: async (ctx) => {
    const attempts = Array.from({ length: RACERS }, (_, index) => ctx.create('a', `{"by":"${index}"}`));
    const failure = await failureOf(oneWins('ALREADY_EXISTS', attempts));
    // One winner may be luck; several are proof.
    return failure === undefined ? undefined : false;
  },
  softDelete: async (ctx) => {
    const { version } = await ctx.put('a', '{"n":"1"}');
    return isSupported(async () => {
      await ctx.softDelete('a', version ?? '1');
      if (!isVaultError(await failureOf(ctx.read('a')), 'VERSION_UNAVAILABLE')) throw new Error('Nothing was hidden.');
      await ctx.undelete('a', version ?? '1');
      await ctx.read('a');
    });
  },
  destroyVersion: async (ctx) => {
    const first = await ctx.put('a', '{"n":"1"}');
    await ctx.put('a', '{"n":"2"}');
    return isSupported(async () => {
      await ctx.destroy('a', first.version ?? '1');
      const failure = await failureOf(ctx.read('a', known(first.version)));
      if (!isVaultError(failure, 'VERSION_UNAVAILABLE')) throw new Error('Nothing was destroyed.');
      await ctx.read('a');
    });
  },
  metadata: async (ctx) => {
    await ctx.put('a', '{"n":"1"}');
    return isSupported(async () => {
      await ctx.setMetadata('a', { probe: 'kept' });
      if ((await ctx.describe('a')).metadata['probe'] !== 'kept') throw new Error('The metadata was not kept.');
    });
  },
  immediatePurge: async (ctx) => {
    await ctx.put('a', '{"n":"1"}');
    await ctx.purge('a');
    const failure = await failureOf(ctx.create('a', '{"n":"2"}'));
    if (isVaultError(failure, 'PENDING_DELETION')) return false;
    if (failure !== undefined) throw failure;
    return true;
  },
  exactNumbers: async (ctx) => {
    const failure = await failureOf(ctx.put('a', BIG));
    if (isVaultError(failure, 'INVALID_VALUE')) return false;
    if (failure !== undefined) throw failure;
    sameJson((await ctx.read('a')).text, BIG);
    return true;
  },
  immediateList: async (ctx) => {
    // A lag that does not show proves nothing.
    if (!ctx.card.immediateList) return undefined;
    await ctx.put('a', '{"n":"1"}');
    const isListed = (await ctx.list('')).includes('a');
    await ctx.purge('a');
    return isListed && !(await ctx.list('')).includes('a');
  },
  recursiveList: async () => undefined,
  maxBulkRead: async (ctx) => {
    const declared = ctx.card.maxBulkRead ?? 0;
    const names = Array.from({ length: declared + 1 }, (_, index) => `n-${index}`);
    for (const count of [declared + 1, declared])
      if (count > 0 && (await isSupported(async () => void (await ctx.readMany(...names.slice(0, count))))))
        return count;
    return declared > 0 ? 0 : undefined;
  },
  maxVersions: async (ctx) => {
    if (!FILLABLE_HISTORY.holds(ctx.card)) return undefined;
    for (let n = 0; n <= (ctx.card.maxVersions ?? 0); n++) await ctx.put('a', `{"n":"${n}"}`);
    return (await ctx.describe('a')).versions.length;
  },
};

/** True when it works, false when the vault says that it cannot. @throws whatever else happens */
async function isSupported(attempt: () => Promise<void>): Promise<boolean> {
  const failure = await failureOf(attempt());
  if (failure === undefined) return true;
  if (isVaultError(failure, 'UNSUPPORTED')) return false;
  throw failure;
}
