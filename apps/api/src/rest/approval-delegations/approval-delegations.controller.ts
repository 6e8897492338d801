import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { approvalErrors, DelegationService, type Delegation } from '@claviger/features/approvals';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { instant, moment } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';
import { principalName } from '../principals.dto.js';

const view = z.object({ id: z.string(), from: z.string(), to: z.string(), until: instant, createdAt: instant }).meta({
  id: 'ApprovalDelegation',
  example: {
    id: '01a1ff05-4211-7f3b-9c2d-0e1f2a3b4c5d',
    from: 'ada',
    to: 'bob',
    until: '2027-01-01T00:00:00.000Z',
    createdAt: EXAMPLE.at,
  },
});
const { delegationInvalid, delegationNotFound, notAUser } = approvalErrors;
const noUser = notAUser();
const denied = accessErrors.accessDenied('claviger/approvals/<id>', 'update');
const NEEDS_VOTE = 'token of a user, and update claviger/approvals/<id>';

const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List the delegations of votes that you gave or got',
  needs: 'token of a user',
  response: z.object({ items: z.array(view) }),
  problems: [noUser],
  example: { response: { items: [view.meta()!['example']] } },
});
const create = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: '',
  summary: 'Let another user vote in your place for a time',
  description:
    'Never on what either of you requested; and together you have one vote on what both could vote on by you.',
  needs: NEEDS_VOTE,
  body: z.strictObject({
    to: principalName.meta({ description: 'Name of the other user.', example: 'bob' }),
    until: moment,
  }),
  status: 201,
  response: view,
  problems: [noUser, denied, delegationInvalid('There is no other user of this name.')],
  example: { body: { to: 'bob', until: '2027-01-01T00:00:00Z' } },
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'End a delegation of yours',
  needs: NEEDS_VOTE,
  params: z.object({ id: z.uuid().meta({ example: '01a1ff05-4211-7f3b-9c2d-0e1f2a3b4c5d' }) }),
  status: 204,
  problems: [noUser, denied, delegationNotFound()],
});

@Controller('api/v1/approval-delegations')
export class ApprovalDelegationsController {
  constructor(private readonly delegations: DelegationService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext): Promise<{ items: Delegation[] }> {
    return { items: await this.delegations.list(ctx) };
  }

  @Endpoint(create)
  create(@Context() ctx: RequestContext, @Input() { body }: InputOf<typeof create>): Promise<Delegation> {
    return this.delegations.create(ctx, body.to, new Date(body.until));
  }

  @Endpoint(remove)
  async remove(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof remove>): Promise<void> {
    await this.delegations.remove(ctx, id);
  }
}
