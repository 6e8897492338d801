import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { SecretValue } from '@claviger/kernel';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ENDPOINT, type EndpointDefinition } from './endpoint.js';
import { inputPointer } from './input-pointer.js';
import { ifMatchInvalid, ifMatchRequired, inputInvalid, type InputError } from './http.errors.js';
import { decodeJsonBody } from './json-body.js';
import { requestOf } from './request-of.js';

/** The parsed request of an endpoint: parameters, query, body and If-Match. @throws AppError INPUT_INVALID and others */
export const Input = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const endpoint = Reflect.getMetadata(ENDPOINT, context.getHandler()) as EndpointDefinition;
  return parseInput(endpoint, requestOf(context));
});

function parseInput(endpoint: EndpointDefinition, request: FastifyRequest): Record<string, unknown> {
  return {
    params: parsePart(endpoint.params, request.params, 'path'),
    query: parsePart(endpoint.query, request.query, 'query'),
    body: endpoint.body
      ? parsePart(endpoint.body, decodeJsonBody((request.body as Buffer | undefined) ?? EMPTY), 'body')
      : {},
    ifMatch: endpoint.ifMatch ? parseIfMatch(request.headers['if-match']) : undefined,
  };
}

const EMPTY = Buffer.alloc(0);

function parsePart(schema: z.ZodObject = NOTHING, value: unknown, part: string): unknown {
  const parsed = schema.safeParse(value ?? {});
  if (!parsed.success) throw inputInvalid(parsed.error.issues.map((issue) => describeIssue(issue, schema, part)));
  const nul = findNul(parsed.data);
  if (nul) throw inputInvalid([{ pointer: inputPointer(part, schema, nul), message: 'must not have a NUL character' }]);
  return parsed.data;
}

const NOTHING = z.strictObject({});

/** Where the first text stands that PostgreSQL cannot store. Secrets are sealed before they are stored, and may hold anything. */
function findNul(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.includes('\0') ? [] : undefined;
  if (typeof value !== 'object' || value === null || value instanceof SecretValue) return undefined;
  for (const key of Object.keys(value)) {
    const path = key.includes('\0') ? [] : findNul((value as Record<string, unknown>)[key]);
    if (path) return [key, ...path];
  }
  return undefined;
}

/** Never names an unknown field: what stands in the wrong place may be a secret. */
function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodObject, part: string): InputError {
  const pointer = inputPointer(part, schema, issue.path);
  if (issue.code !== 'unrecognized_keys') return { pointer, message: issue.message };
  const known = issue.path.length === 0 ? Object.keys(schema.shape) : [];
  return {
    pointer,
    message:
      known.length > 0
        ? `there is a field that is not known; known are ${known.join(', ')}`
        : 'there is a field that is not known',
  };
}

function parseIfMatch(header: string | undefined): number | undefined {
  if (header === undefined) throw ifMatchRequired();
  if (header.trim() === '*') return undefined;
  const match = /^"(\d{1,9})"$/.exec(header.trim());
  if (!match) throw ifMatchInvalid();
  return Number(match[1]);
}
