import { applyDecorators, HttpCode, RequestMapping, RequestMethod, SetMetadata } from '@nestjs/common';
import type { AppError } from '@claviger/kernel';
import type { z } from 'zod';
import { Repeatable } from './repeatable.js';

export const ENDPOINT = 'claviger:endpoint';

/** One REST endpoint as data: decoding, the API description and the inventory of what needs what derive from it. */
export type EndpointDefinition = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the controller's prefix, with `:name` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** What a caller needs, as operation and path; `public` for none and `token` for any valid token. */
  readonly needs: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Whether `If-Match` must be sent: the revision of a record, or the version of a content; `*` is allowed. */
  readonly ifMatch?: 'revision' | 'version';
  readonly status?: number;
  readonly response?: z.ZodType;
  /** Media types of an answer that is a file; in place of {@link response}. */
  readonly produces?: readonly string[];
  /** What the `ETag` of the answer is. */
  readonly etag?: 'revision' | 'version';
  /** Answers 202 with the change while it waits for approval, or while it is not known what became of it at the vault: in the
   * form of the response, or in one of its own. */
  readonly mayBeAccepted?: true | z.ZodType;
  /**
   * Touches nothing but Claviger's own database, where it can be one transaction: with an idempotency key, the answer is
   * recorded in it.
   */
  readonly isOneTransaction?: true;
  /** Its answer holds a secret that is told once: with an idempotency key, it is repeated to the same token only. */
  readonly answersSecret?: true;
  /** What it refuses besides what follows from the rest of the definition (see `problemsOf`). */
  readonly problems?: readonly AppError[];
  /** As they look on the wire. That of a response may stand beside its schema instead, as `.meta({ example })`. */
  readonly example?: { readonly body?: unknown; readonly response?: unknown; readonly dryRun?: unknown };
  /** An answer of the same form that comes with 503, where that is no problem document. */
  readonly failing?: unknown;
  /** Left out of the description: a part of the page that shows it. */
  readonly isInternal?: true;
};

type Parsed<S> = S extends z.ZodType ? z.infer<S> : Record<string, never>;

/** What a controller method gets of an endpoint's request. */
export type InputOf<E extends EndpointDefinition> = {
  readonly params: Parsed<E['params']>;
  readonly query: Parsed<E['query']>;
  readonly body: Parsed<E['body']>;
  /** The number in `If-Match`, or undefined for `*` and where it is not asked for. */
  readonly ifMatch: number | undefined;
};

/** Keeps an endpoint's literal type. */
export function defineEndpoint<const E extends EndpointDefinition>(endpoint: E): E {
  return endpoint;
}

/** Whether it takes an idempotency key. A log-in does not: whoever knew the key would be given its token. */
export function takesIdempotencyKey({ method, needs }: EndpointDefinition): boolean {
  return method === 'POST' && needs !== 'public';
}

/** Routes a controller method as its definition says. One that takes an idempotency key has the context as its first parameter. */
export function Endpoint(endpoint: EndpointDefinition): MethodDecorator {
  return applyDecorators(
    ...(takesIdempotencyKey(endpoint) ? [Repeatable()] : []),
    RequestMapping({ path: endpoint.path, method: RequestMethod[endpoint.method] }),
    HttpCode(endpoint.status ?? 200),
    SetMetadata(ENDPOINT, endpoint),
  );
}
