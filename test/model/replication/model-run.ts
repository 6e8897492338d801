import type { SyncTargetEntity } from '../../../libs/features/src/replication/sync-target.entity.js';
import { LATE_MS } from '../../../libs/features/src/replication/reconciler.js';
import { FOREIGN_MARKER } from './foreign-acts.js';
import { VERIFY_INTERVAL_S } from './model-ledger.js';
import { fingerprintOf } from './model-source.js';
import { describeRun, type ModelRun, type VaultIndex } from './model-step.js';
import type { ModelVault } from './model-vault.js';
import { markerOf } from './model-watch.js';
import { ModelWorld, type LedgerMaker } from './model-world.js';

/** Rounds of waiting, sweeping, verifying and working after which nothing changes any more. */
const MAX_ROUNDS = 6;
/** More turns than this in one round mean that work makes work for ever. */
const MAX_TURNS = 3_000;

/** Runs the steps, lets the world come to rest, and tells everything that is wrong. @throws Error */
export async function runModel(
  run: ModelRun,
  { makeLedger, tell }: { makeLedger?: LedgerMaker; tell?: ((line: string) => void) | undefined } = {},
): Promise<void> {
  const world = new ModelWorld(run.setting, makeLedger, tell);
  const secret = (await world.create())!;
  for (const index of run.setting.targets) await world.add(secret, index, 'fail');
  for (const step of run.steps) await world.take(step);
  tell?.('— no more faults —');
  const problems = await comeToRest(world);
  problems.push(...(await judgeRest(world)));
  tell?.('— everything is asked to be made equal —');
  await askForEverything(world);
  problems.push(...(await comeToRest(world)), ...(await judgeRepaired(world)), ...judgeLeftovers(world));
  if (world.moves.isExecuting) problems.push('the change of the source has no end');
  problems.unshift(...world.watch.violations, ...world.defects.map((defect) => `defect: ${String(defect)}`));
  if (problems.length > 0) throw new Error(`${problems.join('\n')}\n\nafter\n${describeRun(run)}`);
}

/** No further faults: rounds until nothing changes. Returns what is wrong with that. */
async function comeToRest(world: ModelWorld): Promise<string[]> {
  for (const vault of world.vaults) vault.faults.length = 0;
  world.source.faults.length = 0;
  if (world.memory) world.memory.isPaused = false;
  let before = '';
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    if (!(await workOff(world))) return ['the work does not end'];
    // A person mends the source, as soon as no change of it is under way.
    if (world.source.active) await world.overwriteDrift(world.source.active);
    if (!(await workOff(world))) return ['the work does not end'];
    const calls = world.vaults.map((vault) => vault.calls);
    await world.wait(LATE_MS + VERIFY_INTERVAL_S * 1_000);
    await world.take({ do: 'sweep' });
    await world.ledger.verify();
    if (!(await workOff(world))) return ['the work does not end'];
    const now = await stateOf(world);
    if (now === before) return world.vaults.flatMap((vault, index) => tooManyCalls(vault, calls[index]!));
    before = now;
  }
  return ['there is no fixed point'];
}

/** Verifying a target that is at rest costs two calls, and three where our marker is missing. */
function tooManyCalls(vault: ModelVault, before: number): string[] {
  const calls = vault.calls - before;
  return calls > 3 ? [`${calls} calls to ${vault.name} although nothing has changed`] : [];
}

async function workOff(world: ModelWorld): Promise<boolean> {
  for (let turn = 0; turn < MAX_TURNS; turn += 1) {
    if (world.isIdle) return true;
    await world.work((turn % 2) as 0 | 1, 0);
    // What sleeps goes on when the time does.
    if (turn % 100 === 99 || !world.canWork) await world.wait(1_000);
  }
  return false;
}

/** All that lasts; times pass and are none of it. */
async function stateOf(world: ModelWorld): Promise<string> {
  const rows = (await world.ledger.list()).map(
    ({ profileId, secretId, status, errorCode, desiredVersion, observedVersion, observedFingerprint, ownership }) => [
      profileId,
      secretId,
      status,
      errorCode,
      desiredVersion,
      observedVersion,
      observedFingerprint,
      ownership,
    ],
  );
  const objects = world.vaults.map(({ object }) => object);
  return JSON.stringify([rows, objects, world.source.secrets]);
}

async function judgeRest(world: ModelWorld): Promise<string[]> {
  return (await world.ledger.list()).flatMap((row) => judge(world, row, vaultOf(world, row)));
}

/** Every target is equal to its source, or says why not and is right about it. */
function judge(world: ModelWorld, row: SyncTargetEntity, vault: ModelVault): string[] {
  const wrong = (what: string): string[] => [`${vault.name}: ${row.status} (${row.errorCode}) but ${what}`];
  const isEqual = vault.readable !== undefined && fingerprintOf(vault.readable) === row.desiredFingerprint;
  const isHidden = vault.readable === undefined;
  if (row.leaseOwner !== null) return wrong('somebody holds it');
  if (row.desiredPresence === 'retained') return wrong('it should have ended');
  switch (row.status) {
    case 'in_sync':
      if (row.desiredPresence === 'absent') return wrong('it should be gone');
      if (row.desiredPresence === 'present' && lacksMarker(vault, row)) return wrong('it is not marked as ours');
      return (row.desiredPresence === 'present' ? isEqual : isHidden) ? [] : wrong('it is not equal');
    case 'paused': {
      const isDisabled = world.source.get(row.secretId).isDisabled && row.errorCode === 'SECRET_DISABLED';
      const isOff = !vault.isEnabled && row.errorCode === 'VAULT_PROFILE_DISABLED';
      const isRestored = world.watch.life > 0 && row.errorCode === 'TARGET_RESTORED';
      return isDisabled || isOff || isRestored ? [] : wrong('there is no reason');
    }
    case 'drifted': {
      if (row.desiredPresence === 'present' && isEqual) return wrong('it is equal');
      const isOurDoing = vault.truth?.writer === 'us' && row.errorCode === 'TARGET_CHANGED_AT_TARGET';
      return isOurDoing && world.watch.life === 0 ? wrong('we did that ourselves') : [];
    }
    case 'missing':
      return vault.object === undefined ? [] : wrong('it is there');
    case 'foreign':
      return vault.object === undefined ? wrong('nothing is there') : [];
    case 'blocked':
      return row.errorCode === 'TARGET_CANNOT_HIDE' && !isHidden ? [] : wrong('nothing is in the way');
    default:
      return wrong('it has come to rest');
  }
}

function lacksMarker({ capabilities, object }: ModelVault, { secretId }: SyncTargetEntity): boolean {
  return capabilities.metadata && object?.metadata['claviger_owner'] !== markerOf({ id: secretId });
}

/** A person enables everything and asks for every target to be made equal. */
async function askForEverything(world: ModelWorld): Promise<void> {
  for (const vault of world.vaults) vault.isEnabled = true;
  await world.take({ do: 'enable the secret' });
  if (world.source.active) await world.overwriteDrift(world.source.active);
  for (const vault of [0, 1, 2, 3] as VaultIndex[]) await world.take({ do: 'sync', vault });
}

/** After that only what is somebody else's, or cannot be done, is not equal. */
async function judgeRepaired(world: ModelWorld): Promise<string[]> {
  return (await world.ledger.list()).flatMap((row) => {
    const vault = vaultOf(world, row);
    if (row.status === 'foreign' || row.errorCode === 'TARGET_CANNOT_HIDE') return [];
    return row.status === 'in_sync'
      ? judge(world, row, vault)
      : [`${vault.name}: still ${row.status} (${row.errorCode}) after it was asked to be made equal`];
  });
}

/** What was to be removed is gone, also where something arrived late. */
function judgeLeftovers(world: ModelWorld): string[] {
  if (world.watch.life > 0 || world.source.active) return [];
  const left = world.source.current ? [] : world.vaults;
  return (
    left
      .filter(({ isRetained, truth }) => truth?.maker === 'us' && truth.writer === 'us' && !isRetained)
      // What cannot be read and had our marker taken away tells nobody whose it was.
      .filter(({ object, readable }) => readable !== undefined || object!.metadata['claviger_owner'] !== undefined)
      // An object with another's marker is theirs, though a late write of ours went into it.
      .filter(({ object }) => object!.metadata['claviger_owner'] !== FOREIGN_MARKER)
      .map(({ name }) => `a copy was left behind at ${name}`)
  );
}

function vaultOf(world: ModelWorld, { profileId }: SyncTargetEntity): ModelVault {
  return world.vaults.find((vault) => vault.profileId === profileId)!;
}
