import type { ReferenceObject } from '@claviger/vaults/conformance';
import type { SyncTargetEntity } from '../../../libs/features/src/replication/sync-target.entity.js';
import { UNFIT_CONTENT } from '../../../libs/features/src/replication/target-observer.js';
import type { Claimed, Settlement } from '../../../libs/features/src/replication/target.repository.js';
import { fingerprintOf, UNFIT_TEXT, type ModelSecret, type ModelSource } from './model-source.js';
import { readableOf, type ModelVault, type Mutation, type Truth } from './model-vault.js';

type Job = {
  readonly targets: ReadonlyMap<string, SyncTargetEntity>;
  /** Of the database when it claimed them. */
  readonly epoch: string;
  /** How often the database had been restored when the job claimed its targets. */
  readonly life: number;
  /** What the job last read, by profile. */
  readonly seen: Map<string, ReferenceObject | undefined>;
  /** Where it was to repair what others did: asked for, or by the profile's policy when it opened the vault. */
  readonly repairs: Set<string>;
  /** Where it saw a version of the secret. */
  readonly recognised: Set<string>;
  /** Where it has written, or put its marker at what it had recognised. */
  readonly wrote: Set<string>;
  /** Fingerprints of what it replaced and nobody else has. */
  readonly replaced: Map<string, string>;
  /** How often the secret had been disabled or enabled. */
  readonly toggles: number;
};

const OWNER = 'claviger_owner';

/** Watches every change that Claviger makes at a vault, and tells whether it may. */
export class ModelWatch {
  readonly #jobs = new Map<string, Job>();
  readonly violations: string[] = [];
  /** Texts of versions that a restored database knows nothing of. */
  readonly lost = new Set<string>();
  life = 0;

  constructor(private readonly source: ModelSource) {}

  claimed(job: string, { targets, epoch }: Claimed): void {
    const byProfile = new Map(targets.map((target) => [target.profileId, { ...target }]));
    const [first] = targets;
    this.#jobs.set(job, {
      targets: byProfile,
      epoch,
      recognised: new Set(),
      repairs: new Set(targets.filter(({ isRepairRequested }) => isRepairRequested).map(({ profileId }) => profileId)),
      life: this.life,
      seen: new Map(),
      wrote: new Set(),
      replaced: new Map(),
      toggles: first ? this.source.get(first.secretId).toggles : 0,
    });
  }

  opened(job: string, { profileId, repairsItself }: ModelVault): void {
    if (repairsItself) this.#jobs.get(job)?.repairs.add(profileId);
  }

  saw(job: string, vault: ModelVault, object: ReferenceObject | undefined): void {
    const known = this.#jobs.get(job);
    if (!known) return;
    const { profileId } = vault;
    known.seen.set(profileId, object);
    if (this.#isKnown(known, known.targets.get(profileId)!, readableOf(object))) known.recognised.add(profileId);
  }

  mutated(mutation: Mutation): Truth['version'] {
    const job = this.#jobs.get(mutation.job)!;
    const target = job.targets.get(mutation.vault.profileId)!;
    const secret = this.#secretOf(target);
    const text = readableOf(mutation.before);
    const isKnown = this.#isKnown(job, target, text);
    const about = { ...mutation, job, target, secret, text, isKnown };
    this.#keepsMetadataOfOthers(about);
    this.#leavesSourceAlone(mutation);
    if (!mutation.isLate) this.#judge(about);
    // What a job of the former life writes after the restore is new to everybody.
    if (job.life < this.life) this.lost.delete(readableOf(mutation.after) ?? '');
    // A marker at what others wrote makes nothing ours: until we write, what the user said of conflicts goes on to hold.
    if (mutation.operation !== 'setMetadata' || job.recognised.has(target.profileId)) job.wrote.add(target.profileId);
    return { secretId: target.secretId, number: target.desiredVersion };
  }

  /** What was replaced and not ours is written down with what replaced it. */
  settling(job: string, { profileId, drift }: SyncTargetEntity, { facts, verdict }: Settlement): void {
    const isUnseen = verdict.status === 'in_sync' && facts.verifiedHow === undefined;
    this.#expect(!isUnseen || drift === null, 'drift was forgotten without looking');
    const lost = this.#jobs.get(job)?.replaced.get(profileId);
    if (lost === undefined || facts.observedVersion === undefined) return;
    this.#expect(facts.overwritten?.fingerprint === lost, `nobody is told that ${lost} was lost`);
  }

  /** Every state of a target is explained. */
  explained(row: SyncTargetEntity): void {
    const { status, errorCode, errorCause, errorAction, nextAttemptAt, leaseOwner } = row;
    const isExplained = Boolean(errorCode && errorCause && errorAction);
    if (status === 'in_sync') this.#expect(errorCode === null, `in_sync with error ${errorCode}`);
    else if (status === 'pending')
      this.#expect(nextAttemptAt !== null || leaseOwner !== null, 'pending, and nobody will ever look at it');
    else this.#expect(isExplained, `${status} without a cause and an action`);
    if (status === 'retrying') this.#expect(nextAttemptAt !== null, 'retrying without a time');
  }

  #secretOf({ secretId }: SyncTargetEntity): ModelSecret {
    return this.source.secrets.find(({ id }) => id === secretId) ?? NOBODY;
  }

  /** What was a version when the job began, or is what it is to write, still is one to it. */
  #isKnown(job: Job, target: SyncTargetEntity, text: string | undefined): boolean {
    if (text === undefined) return false;
    if (job.life < this.life && this.lost.has(text)) return true;
    const isVersion = this.#secretOf(target).versions.some((version) => version.text === text);
    return isVersion || fingerprintOf(text) === target.desiredFingerprint;
  }

  #judge(about: About): void {
    const { vault, before, target, job } = about;
    // What changed between looking and acting could not be known; nor, without looking, that version numbers began anew.
    const hasLooked = job.seen.has(target.profileId);
    const isRace = hasLooked && job.seen.get(target.profileId) !== before;
    const isRenumbered = !hasLooked && target.ownership !== 'none' && vault.truth?.maker === 'them';
    if (isRace || isRenumbered) return;
    this.#mayTouch(about, hasLooked);
    this.#isEnabled(about);
    if (about.operation === 'purge') this.#mayPurge(about);
    if (about.operation === 'undelete') this.#bringsBackTheRight(about);
    if (about.operation === 'put' || about.operation === 'create') {
      this.#makesADifference(about);
      this.#writesNothingOlder(about);
      this.#wasAskedFor(about);
      this.#notes(about);
    }
    if (before && about.operation !== 'setMetadata' && about.operation !== 'undelete') this.#leavesLostHistory(about);
  }

  /** Content at a source is changed by its users' changes, never by replication, however late. */
  #leavesSourceAlone({ vault, operation, before, after }: Mutation): void {
    if (this.source.active?.sourceProfileId !== vault.profileId) return;
    const isSame = readableOf(before) === readableOf(after) && before?.lastNumber === after?.lastNumber;
    this.#expect(isSame, `${operation} of replication at ${vault.name}, which is the source`);
  }

  /** What a foreigner made, or put into a copy that we gave up, is touched only as the user said. */
  #mayTouch(about: About, hasLooked: boolean): void {
    const { vault, operation, before, target, job, secret, text, isKnown } = about;
    const isOwned = target.ownership !== 'none' || job.wrote.has(target.profileId);
    if (isOwned) {
      const isMarked =
        !vault.capabilities.metadata || before === undefined || before.metadata[OWNER] === markerOf(secret);
      const isTold = isMarked || isKnown || !hasLooked || target.ownership === 'ledger';
      this.#expect(isTold, `${operation} at ${vault.name} touched what had taken the place of our copy`);
      return;
    }
    const isForeign = vault.truth?.maker === 'them' || (vault.truth?.writer === 'them' && text !== undefined);
    if (!isForeign || target.onConflict === 'overwrite') return;
    const isEqual = text !== undefined && fingerprintOf(text) === target.desiredFingerprint;
    if (target.onConflict === 'adopt-if-equal' && isEqual) return;
    const isMarked = before?.metadata[OWNER] === markerOf(secret);
    if (isKnown && (isMarked || target.unsettledUntil !== null)) return;
    // Our marker, and nothing that could be lost.
    if (isMarked && text === undefined) return;
    this.violate(`${operation} at ${vault.name} touched what is foreign`);
  }

  #isEnabled({ vault, operation, target, secret, job }: About): void {
    const isAsItBegan = job.life === this.life && secret.toggles === job.toggles;
    const isAtRest = secret.isDisabled && isAsItBegan && target.desiredPresence !== 'absent';
    this.#expect(!isAtRest, `${operation} at ${vault.name} although the secret is disabled`);
  }

  #bringsBackTheRight({ vault, after, target }: About): void {
    const text = readableOf(after);
    const isRight = text === undefined || fingerprintOf(text) === target.desiredFingerprint;
    this.#expect(isRight, `another version was brought back at ${vault.name}`);
  }

  #mayPurge({ vault, before, target, secret, job, isKnown }: About): void {
    this.#expect(target.desiredPresence === 'absent', `purge at ${vault.name} of what should be there`);
    const isOurs = target.ownership !== 'none' || target.unsettledUntil !== null || job.wrote.has(target.profileId);
    this.#expect(isOurs, `purge at ${vault.name} of what the ledger does not own`);
    if (vault.capabilities.metadata) {
      const isMarked = before?.metadata[OWNER] === markerOf(secret);
      this.#expect(isMarked || isKnown, `purge at ${vault.name} of what does not carry our marker`);
      return;
    }
    this.#expect(isKnown || job.repairs.has(target.profileId), `purge at ${vault.name} of content that is not ours`);
  }

  #makesADifference({ vault, text, after }: About): void {
    this.#expect(text === undefined || text !== readableOf(after), `write without a difference at ${vault.name}`);
  }

  #wasAskedFor({ vault, target, job, text, isKnown }: About): void {
    const isAsDesired =
      target.observedVersion === target.desiredVersion && target.observedPresence === target.desiredPresence;
    if (target.ownership === 'none' || !isAsDesired || job.repairs.has(target.profileId)) return;
    if (job.wrote.has(target.profileId) || (target.unsettledUntil !== null && (isKnown || text === undefined))) return;
    this.violate(`drift at ${vault.name} was overwritten although nobody asked for it`);
  }

  #notes({ vault, target, job, text, isKnown }: About): void {
    if (text === undefined || isKnown || vault.truth?.writer !== 'them') return;
    job.replaced.set(target.profileId, text === UNFIT_TEXT ? UNFIT_CONTENT : fingerprintOf(text));
  }

  #writesNothingOlder({ vault, target }: About): void {
    const was = vault.truth?.version;
    if (was?.secretId !== target.secretId || this.life > 0) return;
    const is = target.desiredVersion;
    this.#expect(is >= was.number, `version ${is} went over version ${was.number} at ${vault.name}`);
  }

  #leavesLostHistory({ vault, operation, target, job, text }: About): void {
    if (text === undefined || !this.lost.has(text) || vault.truth?.writer !== 'us') return;
    if (job.life < this.life || target.isRepairRequested) return;
    // Added since the restore, by a user who said that what is there may go.
    if (target.ownership === 'none' && target.onConflict === 'overwrite' && target.verifiedEpoch === job.epoch) return;
    this.violate(`${operation} at ${vault.name} went over newer content that the restored database does not know`);
  }

  #keepsMetadataOfOthers({ vault, operation, before, after, target, secret, job }: About): void {
    if (!before || !after) return;
    for (const [key, value] of Object.entries(before.metadata)) {
      const isKept = after.metadata[key] === value;
      if (key !== OWNER) this.#expect(isKept, `${operation} at ${vault.name} lost the metadata ${key}`);
      else if (value !== markerOf(secret) && job.seen.get(target.profileId) === before)
        this.#expect(isKept || target.onConflict !== 'fail', `${operation} at ${vault.name} replaced a foreign marker`);
    }
  }

  #expect(holds: boolean, otherwise: string): void {
    if (!holds) this.violate(otherwise);
  }

  /** Notes that something is not as it has to be. */
  violate(what: string): void {
    this.violations.push(what);
  }
}

type About = Omit<Mutation, 'job'> & {
  readonly job: Job;
  readonly target: SyncTargetEntity;
  readonly secret: ModelSecret;
  /** What could be read before. */
  readonly text: string | undefined;
  /** It is a version of the secret. */
  readonly isKnown: boolean;
};

/** In place of a secret that a restored database knows nothing of. */
const NOBODY: ModelSecret = { id: 'nobody', state: 'deleted', isDisabled: false, toggles: 0, versions: [] };

/** The marker of a secret's copies in the model. */
export const markerOf = ({ id }: { readonly id: string }): string => `claviger/${id}`;
