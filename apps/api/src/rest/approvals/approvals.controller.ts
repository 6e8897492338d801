import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import {
  ApprovalService,
  BreakGlassService,
  VotingService,
  type ApprovalView,
  type CommentView,
  type QueueCounts,
  type QueuedApproval,
} from '@claviger/features/approvals';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { withoutUndefined } from '../without-undefined.js';
import { addComment, breakGlass, counts, get, list, reviewed, vote, voteAll, withdraw } from './approvals.dto.js';

const position = z.object({ dueAt: z.iso.datetime(), id: z.uuid() });

@Controller('api/v1/approvals')
export class ApprovalsController {
  constructor(
    private readonly approvals: ApprovalService,
    private readonly voting: VotingService,
    private readonly glass: BreakGlassService,
  ) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<QueuedApproval>> {
    const { limit, cursor, secret, unreviewed, ...filters } = query;
    const rows = await this.approvals.list(ctx, {
      ...withoutUndefined({ ...filters, secretId: secret, after: fromCursor(cursor, position) }),
      limit: limit + 1,
      isUnreviewed: unreviewed,
    });
    return toPage(rows, limit, ({ dueAt, id }) => ({ dueAt: dueAt.toISOString(), id }));
  }

  @Endpoint(counts)
  counts(@Context() ctx: RequestContext): Promise<QueueCounts> {
    return this.approvals.count(ctx);
  }

  @Endpoint(get)
  get(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof get>): Promise<ApprovalView> {
    return this.approvals.get(ctx, id);
  }

  @Endpoint(vote)
  async vote(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof vote>,
  ): Promise<ApprovalView> {
    await this.voting.vote(ctx, id, withoutUndefined(body));
    return this.approvals.get(ctx, id);
  }

  @Endpoint(voteAll)
  async voteAll(@Context() ctx: RequestContext, @Input() { body }: InputOf<typeof voteAll>): Promise<unknown> {
    const outcomes = await this.voting.voteAll(
      ctx,
      body.votes.map((one) => withoutUndefined(one)),
    );
    return {
      items: outcomes.map(({ id, error }) => ({
        id,
        error: error ? { code: error.code, message: error.message } : null,
      })),
    };
  }

  @Endpoint(addComment)
  addComment(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof addComment>,
  ): Promise<CommentView> {
    return this.approvals.comment(ctx, id, body.text);
  }

  @Endpoint(withdraw)
  async withdraw(
    @Context() ctx: RequestContext,
    @Input() { params: { id } }: InputOf<typeof withdraw>,
  ): Promise<ApprovalView> {
    await this.approvals.withdraw(ctx, id);
    return this.approvals.get(ctx, id);
  }

  @Endpoint(breakGlass)
  async breakGlass(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof breakGlass>,
  ): Promise<ApprovalView> {
    await this.glass.breakGlass(ctx, id, body.reason);
    return this.approvals.get(ctx, id);
  }

  @Endpoint(reviewed)
  async review(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof reviewed>,
  ): Promise<ApprovalView> {
    await this.glass.review(ctx, id, body.comment);
    return this.approvals.get(ctx, id);
  }
}
