import { BoundedCache, CLOCK, type Clock, type PrincipalRef } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import { AccessEpoch } from './access-epoch.js';
import { policyUnreadable } from './access.errors.js';
import { FIND_POLICIES, type FoundPolicy } from './access.hot.js';
import {
  compilePolicies,
  findReadyPolicy,
  isTemplated,
  parsePolicy,
  ROOT_POLICY,
  type NamedPolicy,
  type PolicyMatcher,
} from './policy/index.js';

/** Most sets of policies whose matchers are kept. */
const CAPACITY = 2_000;

/** Makes matchers out of names of policies. Names without a policy grant nothing. */
@Injectable()
export class PolicyLibrary {
  /** By names; forgotten on every change. */
  readonly #bySet = new BoundedCache<string, PolicyMatcher>(CAPACITY);
  /** By ids and revisions, which never mean anything else. */
  readonly #byRevisions = new BoundedCache<string, PolicyMatcher>(CAPACITY);

  constructor(
    private readonly database: Database,
    private readonly epoch: AccessEpoch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    epoch.onFlush(() => this.#bySet.clear());
  }

  /** @param principal whom templated paths speak of. @throws AppError POLICY_UNREADABLE */
  async matcher(storeId: string, names: readonly string[], principal?: PrincipalRef): Promise<PolicyMatcher> {
    const written = names.filter((name) => name !== ROOT_POLICY && !findReadyPolicy(name));
    if (written.length === 0) return this.readyMatcher(names);
    const key = `${storeId} ${names.join(' ')} ${identityKey(principal)}`;
    const known = this.epoch.isCurrent() ? this.#bySet.get(key) : undefined;
    if (known && this.#isValid(known)) return known;
    const { generation } = this.epoch;
    const { rows } = await this.database.execute<FoundPolicy>(undefined, FIND_POLICIES, [storeId, written]);
    const matcher = this.#compile(names, rows, principal);
    if (generation === this.epoch.generation) this.#bySet.set(key, matcher);
    return matcher;
  }

  /** The matcher of those names that are ready policies or `root`: what can be said without the database. */
  readyMatcher(names: readonly string[]): PolicyMatcher {
    return this.#compile(names, []);
  }

  #compile(names: readonly string[], written: readonly FoundPolicy[], principal?: PrincipalRef): PolicyMatcher {
    const ready = names.filter((name) => name === ROOT_POLICY || findReadyPolicy(name));
    const speaksOf = written.some(({ text }) => isTemplated(text)) ? principal : undefined;
    const revisions = written.map(({ id, revision }) => `${id}@${revision}`);
    const key = [...[...ready, ...revisions].sort(), identityKey(speaksOf)].join(' ');
    const known = this.#byRevisions.get(key);
    if (known && this.#isValid(known)) return known;
    const policies = [...ready.map(readyPolicy), ...written.map(writtenPolicy)];
    const matcher = compilePolicies(policies, {
      now: this.clock.now(),
      ...(speaksOf && { identity: { entity: speaksOf, groups: speaksOf.groups } }),
    });
    this.#byRevisions.set(key, matcher);
    return matcher;
  }

  #isValid({ validUntil }: PolicyMatcher): boolean {
    return validUntil === undefined || this.clock.now() <= validUntil;
  }
}

/** Everything that a templated path can say of a principal. */
function identityKey(principal: PrincipalRef | undefined): string {
  return principal ? JSON.stringify([principal.id, principal.name, principal.groups]) : '';
}

function readyPolicy(name: string): NamedPolicy {
  return findReadyPolicy(name) ?? { name, policy: { stanzas: [] } };
}

function writtenPolicy({ name, text }: FoundPolicy): NamedPolicy {
  try {
    return { name, policy: parsePolicy(text) };
  } catch {
    throw policyUnreadable(name);
  }
}
