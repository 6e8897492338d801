import { AppError, type RequestContext } from '@claviger/kernel';
import type { ChangeEntity } from '@claviger/features/changes';
import type { KeptAnswer } from '@claviger/features/idempotency';
import { SecretService, SecretViews } from '@claviger/features/secrets';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { EndpointDefinition } from '../../http/endpoint.js';
import { problemsOf } from '../../http/endpoint-problems.js';
import { toChangeView } from './changes.dto.js';

/** Answers a request whose first answer was lost, from what has become of the change that it made. */
@Injectable()
export class ChangeAnswers {
  constructor(
    private readonly secrets: SecretService,
    private readonly views: SecretViews,
  ) {}

  /**
   * As the endpoint answers: with the result, or 202 with the change while there is none. The secret is shown as it is now.
   * @throws AppError what the change has failed with
   */
  async answer(ctx: RequestContext, endpoint: EndpointDefinition, change: ChangeEntity): Promise<KeptAnswer> {
    if (change.errorCode !== null && change.state !== 'executing') throw failureOf(endpoint, change);
    const shown = { change: toChangeView(change) };
    if (change.state !== 'done') return json(202, {}, shown);
    const headers: Record<string, string> = {};
    const { status = 200, etag, response } = endpoint;
    const shape = response instanceof z.ZodObject ? response.shape : {};
    if (!('secret' in shape)) {
      const version = change.result?.['version'] as number | undefined;
      if (etag === 'version' && version !== undefined) headers['etag'] = `"${version}"`;
      return json(status, headers, { ...('version' in shape && version !== undefined && { version }), ...shown });
    }
    if (status === 201) headers['location'] = `/api/v1/secrets/${change.secretId}`;
    const secret = await this.secrets.peek(ctx, change.secretId!);
    headers['etag'] = `"${secret.revision}"`;
    return json(status, headers, { secret: await this.views.one(ctx, secret), ...shown });
  }
}

function json(status: number, headers: Readonly<Record<string, string>>, body: object): KeptAnswer {
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  };
}

/** The row knows code and message; of what kind the error is, the endpoint's description knows. */
function failureOf(endpoint: EndpointDefinition, { id, errorCode, errorMessage }: ChangeEntity): AppError {
  const described = problemsOf(endpoint).find(({ code }) => code === errorCode);
  return new AppError({
    code: errorCode!,
    kind: described?.kind ?? 'conflict',
    message: errorMessage ?? 'The change was not carried out.',
    details: { changeId: id },
  });
}
