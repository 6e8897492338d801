import type { AppError } from '@claviger/kernel';
import { z } from 'zod';
import type {
  ZodOpenApiComponentsObject,
  ZodOpenApiOperationObject,
  ZodOpenApiResponseObject,
  ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { takesIdempotencyKey, type EndpointDefinition } from './endpoint.js';
import { problemsOf } from './endpoint-problems.js';
import { BODY_LIMIT_BYTES } from './json-body.js';
import { toProblem } from './problem.js';

/** An endpoint where it is served. */
export type MountedEndpoint = EndpointDefinition & { readonly url: string; readonly tag: string };

const REQUEST_ID = '01a1ff05-423a-7aaf-a238-8579702a88ae';

const problem = z
  .object({
    type: z.string().meta({ description: '`urn:claviger:problem:` and the code.' }),
    title: z.string(),
    status: z.number().int(),
    code: z.string().meta({ description: 'Stable; branch on it.' }),
    detail: z.string().meta({ description: 'What is wrong and what to do. Never quotes a value.' }),
    requestId: z.string().meta({ description: 'The log has more under it; also in the header X-Request-Id.' }),
    retryable: z.boolean().meta({ description: 'Whether the same request may succeed later.' }),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem', description: 'An error as RFC 9457 has it.' });

const etags = {
  revision: 'Revision of the record, for If-Match.',
  version: 'Version of the content, for If-Match.',
};

/** The ETag of a record or a content, and what may be sent back of it. */
const ETAG = { pattern: '^"[0-9]{1,9}"$', maxLength: 11, example: '"3"' };
const IF_MATCH = { pattern: '^(?:\\*|"[0-9]{1,9}")$', maxLength: 11, example: '"3"' };

const IDEMPOTENCY_HEADER = z.object({
  'Idempotency-Key': z.string().optional().meta({
    description:
      'Makes the request safe to repeat for 24 hours: sent again exactly so, by the same caller, it gets the answer that it got, with `Idempotency-Replayed: true`. Visible ASCII; a new one, such as a UUID, for each request.',
    pattern: '^[!-~]{1,255}$',
    maxLength: 255,
    example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
  }),
});

/**
 * What the operations refer to: an example of each code that any endpoint answers, and a response for each set of codes
 * that one answers with the same status.
 */
export function problemComponents(
  endpoints: readonly EndpointDefinition[],
): Pick<ZodOpenApiComponentsObject, 'examples' | 'responses'> {
  const errors = endpoints.flatMap(problemsOf).sort((a, b) => (a.code < b.code ? -1 : 1));
  const sets = endpoints.flatMap((endpoint) => groups(problemsOf(endpoint))).sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    examples: Object.fromEntries(errors.map((error) => [error.code, { value: toProblem(error, REQUEST_ID) }])),
    responses: Object.fromEntries(sets.map((set) => [set.id, problemResponse(set)])),
  };
}

/** Describes an endpoint as an OpenAPI operation. Its problems refer to {@link problemComponents}. */
export function operation(endpoint: MountedEndpoint): ZodOpenApiOperationObject {
  const { body, params, query, ifMatch } = endpoint;
  return {
    operationId: operationId(endpoint),
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: [endpoint.description, `Needs: ${endpoint.needs}.`].filter(Boolean).join('\n\n'),
    ...(endpoint.needs === 'public' ? { security: [] } : {}),
    requestParams: {
      ...(params ? { path: params } : {}),
      ...(query ? { query } : {}),
      ...(ifMatch ? { header: ifMatchHeader(ifMatch) } : {}),
      ...(takesIdempotencyKey(endpoint) ? { header: IDEMPOTENCY_HEADER } : {}),
    },
    ...(body
      ? {
          requestBody: {
            description: `At most ${BODY_LIMIT_BYTES} bytes.`,
            required: !body.safeParse({}).success,
            content: { 'application/json': { schema: body, example: endpoint.example?.body } },
          },
        }
      : {}),
    responses: { ...successes(endpoint), ...problems(problemsOf(endpoint)), ...failing(endpoint) },
  };
}

/** The answer that an endpoint shows as its example; undefined when it has none. */
export function responseExample({ example, response }: EndpointDefinition): unknown {
  return example?.response ?? response?.meta()?.['example'];
}

function ifMatchHeader(what: 'revision' | 'version'): z.ZodObject {
  const description = `The ETag that you read (the ${what}), or * for any. Without it: 428; stale: 412.`;
  return z.object({ 'If-Match': z.string().meta({ description, ...IF_MATCH }) });
}

/** The name of an endpoint, in the API description and in metrics. */
export function operationId({ method, url }: { readonly method: string; readonly url: string }): string {
  const words = url.replace('/api/v1/', '').split(/\W+/).filter(Boolean);
  return [method.toLowerCase(), ...words]
    .map((word, i) => (i ? word[0]!.toUpperCase() + word.slice(1) : word))
    .join('');
}

function successes(endpoint: MountedEndpoint): ZodOpenApiResponsesObject {
  const { status = 200, response, etag, query } = endpoint;
  const json = (example: unknown): ZodOpenApiResponseObject['content'] => ({
    'application/json': { schema: response!, example },
  });
  const done = {
    description: 'Done.',
    ...(response && { content: json(responseExample(endpoint)) }),
    ...(endpoint.produces && { content: files(endpoint.produces) }),
  };
  return {
    [`${status as 200}`]: { ...done, ...(etag || status === 201 ? headersOf(endpoint) : {}) },
    ...(status !== 200 && query && 'dryRun' in query.shape
      ? { 200: { description: 'What would happen (`dryRun=true`).', content: json(endpoint.example?.dryRun) } }
      : {}),
    ...accepted(endpoint),
  };
}

/** A file, whatever is in it. */
function files(types: readonly string[]): ZodOpenApiResponseObject['content'] {
  return Object.fromEntries(types.map((type) => [type, { schema: { contentMediaType: type } }]));
}

function accepted(endpoint: MountedEndpoint): ZodOpenApiResponsesObject {
  const { mayBeAccepted } = endpoint;
  if (!mayBeAccepted) return {};
  const schema = mayBeAccepted === true ? endpoint.response! : mayBeAccepted;
  const done = mayBeAccepted === true ? responseExample(endpoint) : schema.meta()?.['example'];
  const { change } = done as { change: object };
  const example = { change: { ...change, state: 'pending_approval', result: null, endedAt: null } };
  const description =
    'It waits for approval (`pending_approval`), and nothing is written anywhere; or it has begun (`executing`) and it is ' +
    'not known yet what became of it at the vault: look at the change.';
  return { 202: { description, content: { 'application/json': { schema, example } } } };
}

function failing({ failing: example, response }: MountedEndpoint): ZodOpenApiResponsesObject {
  if (example === undefined) return {};
  const content = {
    'application/json': { schema: response!, example },
    'application/problem+json': { schema: problem },
  };
  return { 503: { description: 'It cannot, and says why; a problem while it stops.', content } };
}

function headersOf({ etag, status }: MountedEndpoint): Pick<ZodOpenApiResponseObject, 'headers'> {
  if (!etag) return {};
  const location = {
    description: 'Where what was made is.',
    schema: { type: 'string', format: 'uri-reference' },
  } as const;
  return {
    headers: {
      ETag: { description: etags[etag], schema: { type: 'string', ...ETAG } },
      ...(status === 201 ? { Location: location } : {}),
    },
  };
}

function problems(errors: readonly AppError[]): ZodOpenApiResponsesObject {
  return {
    ...Object.fromEntries(groups(errors).map(({ status, id }) => [status, { $ref: `#/components/responses/${id}` }])),
    default: { description: 'Any other problem.', content: { 'application/problem+json': { schema: problem } } },
  };
}

type ProblemGroup = { readonly status: number; readonly id: string; readonly codes: readonly string[] };

/** Errors by status. Many endpoints have the same codes of a status, so those codes name the group. */
function groups(errors: readonly AppError[]): ProblemGroup[] {
  const statusOf = (error: AppError): number => toProblem(error, '').status;
  return [...new Set(errors.map(statusOf))].map((status) => {
    const codes = [...new Set(errors.filter((error) => statusOf(error) === status).map(({ code }) => code))].sort();
    return { status, codes, id: codes.join('-') };
  });
}

function problemResponse({ codes }: ProblemGroup): ZodOpenApiResponseObject {
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  return {
    description: `${codes.map((code) => `\`${code}\``).join(', ')}.`,
    content: { 'application/problem+json': { schema: problem, examples } },
  };
}
