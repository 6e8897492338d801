import type { AppError } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { auditUnavailable } from '@claviger/features/audit';
import {
  idempotencyAnswerWithheld,
  idempotencyInProgress,
  idempotencyKeyInvalid,
  idempotencyKeyReused,
} from '@claviger/features/idempotency';
import { asDatabaseUnavailable } from '@claviger/platform/database';
import { takesIdempotencyKey, type EndpointDefinition } from './endpoint.js';
import {
  cursorInvalid,
  ifMatchInvalid,
  ifMatchRequired,
  inputInvalid,
  shuttingDown,
  tokenMissing,
} from './http.errors.js';
import { bodyInvalid } from './json-body.js';
import { fromFramework } from './problem.js';

const databaseUnavailable = asDatabaseUnavailable(Object.assign(new Error(), { code: 'ECONNREFUSED' }))!;

const PARTS = { params: 'path/id', query: 'query/limit', body: '#/name' } as const;

/**
 * What an endpoint refuses requests with: the errors that follow from what it takes, then its own. They are real ones,
 * so that the description shows what is really answered.
 */
export function problemsOf(endpoint: EndpointDefinition): readonly AppError[] {
  const { query, body, ifMatch, problems = [] } = endpoint;
  const isOpen = endpoint.needs === 'public';
  return [
    ...wrongInput(endpoint),
    ...(query && 'cursor' in query.shape ? [cursorInvalid()] : []),
    ...(body ? [bodyInvalid('The body is not valid UTF-8.'), framework(413), framework(415)] : []),
    ...(ifMatch ? [ifMatchInvalid(), ifMatchRequired()] : []),
    ...(takesIdempotencyKey(endpoint)
      ? [idempotencyKeyInvalid(), idempotencyKeyReused(), idempotencyInProgress()]
      : []),
    ...(endpoint.answersSecret ? [idempotencyAnswerWithheld()] : []),
    shuttingDown(),
    ...(isOpen ? [] : [tokenMissing(), accessErrors.tokenInvalid()]),
    // Of those that need no token, only the log-ins ask the database.
    ...(isOpen && !body ? [] : [auditUnavailable(), databaseUnavailable]),
    ...problems,
  ];
}

function wrongInput(endpoint: EndpointDefinition): AppError[] {
  const part = (['body', 'query', 'params'] as const).find((name) => endpoint[name] !== undefined);
  return part ? [inputInvalid([{ pointer: PARTS[part], message: 'Invalid input' }])] : [];
}

const framework = (statusCode: number): AppError => fromFramework({ statusCode }) as AppError;
