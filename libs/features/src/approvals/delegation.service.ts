import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { Voters } from '@claviger/features/principals';
import { CLOCK, newId, type Clock, type PrincipalRef, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { delegationInvalid, delegationNotFound, notAUser } from './approval.errors.js';
import { DelegationRepository, type Delegation } from './delegation.repository.js';
import { VOTING } from './electorate.js';

const MAX_DELEGATIONS = 50;
const MAX_DAYS = 366;

/** Lets users give their votes to others for a time. Nobody does it for somebody else. */
@Injectable()
export class DelegationService {
  constructor(
    private readonly database: Database,
    private readonly delegations: DelegationRepository,
    private readonly voters: Voters,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Those that the caller gave or got and that have not ended. @throws AppError NOT_A_USER */
  list(ctx: RequestContext): Promise<Delegation[]> {
    return this.delegations.listOf(ctx, userOf(ctx).id, this.clock.now(), MAX_DELEGATIONS);
  }

  /**
   * Until then the other one may vote in the caller's place; never on what either of them requested. For a token that may vote.
   * @throws AppError NOT_A_USER, ACCESS_DENIED, DELEGATION_INVALID
   */
  async create(ctx: RequestContext, to: string, until: Date): Promise<Delegation> {
    const user = this.#voterOf(ctx);
    const now = this.clock.now().getTime();
    if (until.getTime() <= now || until.getTime() > now + MAX_DAYS * 86_400_000)
      throw delegationInvalid(`A delegation ends in the future, and within ${MAX_DAYS} days.`);
    const [other] = await this.voters.findUsers(ctx, 'name', [to]);
    if (!other || other.id === user.id) throw delegationInvalid('There is no other user of this name.');
    return this.database.transaction(ctx, async (tx) => {
      const mine = await this.delegations.listOf(tx, user.id, this.clock.now(), MAX_DELEGATIONS);
      if (mine.length >= MAX_DELEGATIONS) throw delegationInvalid(`More than ${MAX_DELEGATIONS} are not possible.`);
      const id = newId();
      await this.delegations.insert(tx, { id, fromId: user.id, toId: other.id, until });
      await this.#record(tx, 'approval-delegation.create', id, { to: other.name, until: until.toISOString() });
      return { id, from: user.name, to: other.name, until, createdAt: this.clock.now() };
    });
  }

  /** For a token that may vote. @throws AppError NOT_A_USER, ACCESS_DENIED, DELEGATION_NOT_FOUND */
  async remove(ctx: RequestContext, id: string): Promise<void> {
    const user = this.#voterOf(ctx);
    await this.database.transaction(ctx, async (tx) => {
      if (!(await this.delegations.remove(tx, id, user.id))) throw delegationNotFound();
      await this.#record(tx, 'approval-delegation.remove', id);
    });
  }

  /** The identity alone, which a child token shares with its parents, gives nothing that its policies do not. */
  #voterOf(ctx: RequestContext): PrincipalRef {
    const user = userOf(ctx);
    this.access.authorize(ctx, VOTING.path, VOTING.operation);
    return user;
  }

  async #record(tx: RequestContext, action: string, id: string, details: Record<string, string> = {}): Promise<void> {
    const resource = { kind: 'approval-delegation', id, name: userOf(tx).name };
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource, details }));
  }
}

function userOf({ actor: { principal } }: RequestContext): PrincipalRef {
  if (principal?.kind !== 'user') throw notAUser();
  return principal;
}
