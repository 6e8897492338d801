import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { traceOf } from '@claviger/platform/tracing';
import type { PlanEntity } from './plan.entity.js';

/** In whose name plans are judged and applied. */
@Injectable()
export class PlanActors {
  constructor(private readonly access: AccessService) {}

  /**
   * The context of who asked for it: the request's own, or for a job that of the token which asked, with what it may do
   * now. A token that was revoked or has ended does nothing more.
   * @throws AppError TOKEN_INVALID
   */
  async callerOf(ctx: RequestContext, plan: PlanEntity, signal: AbortSignal): Promise<RequestContext> {
    const { requestId, storeId } = ctx;
    const actor = ctx.actor.type === 'system' ? await this.access.actAs(storeId, plan.tokenId) : ctx.actor;
    return { requestId, storeId, actor, signal, ...traceOf(ctx), ...(ctx.attempt && { attempt: ctx.attempt }) };
  }
}
