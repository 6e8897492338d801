import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { resolveRules, RunService, type ReplayView, type RunView } from '@claviger/features/compliance';
import type { FastifyReply } from 'fastify';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { withoutUndefined } from '../without-undefined.js';
import { evaluate, evaluation, replay, replayed } from './runs.dto.js';

@Controller('api/v1/compliance')
export class ComplianceRunsController {
  constructor(private readonly runs: RunService) {}

  @Endpoint(evaluate)
  async evaluate(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof evaluate>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RunView> {
    const run = await this.runs.evaluate(ctx, withoutUndefined(body));
    void reply.header('location', `/api/v1/compliance/evaluations/${run.id}`);
    return run;
  }

  @Endpoint(evaluation)
  evaluation(
    @Context() ctx: RequestContext,
    @Input() { params: { id } }: InputOf<typeof evaluation>,
  ): Promise<RunView> {
    return this.runs.getEvaluation(ctx, id);
  }

  @Endpoint(replay)
  async replay(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof replay>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReplayView> {
    const { secret, vaultProfile, moments, rules, ...what } = body;
    const run = await this.runs.replay(ctx, {
      ...withoutUndefined(what),
      ...(rules && { rules: resolveRules(rules) }),
      moments: moments.map((moment) => new Date(moment)),
      scope: withoutUndefined({ secret, vaultProfile }),
    });
    void reply.header('location', `/api/v1/compliance/replays/${run.id}`);
    return run;
  }

  @Endpoint(replayed)
  replayed(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof replayed>): Promise<ReplayView> {
    return this.runs.getReplay(ctx, id);
  }
}
