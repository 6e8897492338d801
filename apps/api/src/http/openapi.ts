import { Injectable, type Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService } from '@nestjs/core';
import { PRODUCT_VERSION } from '@claviger/composition';
import { z } from 'zod';
import { createDocument, type oas31, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { ENDPOINT, type EndpointDefinition } from './endpoint.js';
import { BODY_LIMIT_BYTES } from './json-body.js';

/** An endpoint where it is served. */
export type MountedEndpoint = EndpointDefinition & { readonly url: string; readonly tag: string };

const problem = z
  .object({
    type: z.string().meta({ example: 'urn:claviger:problem:SECRET_NOT_FOUND' }),
    title: z.string(),
    status: z.number().int(),
    code: z.string().meta({ description: 'Stable; branch on it.', example: 'SECRET_NOT_FOUND' }),
    detail: z.string(),
    requestId: z.string(),
    retryable: z.boolean(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem', description: 'An error as RFC 9457 has it.' });

const problemResponse = { description: 'A problem', content: { 'application/problem+json': { schema: problem } } };

/** Knows every REST endpoint, and describes them as OpenAPI 3.1. */
@Injectable()
export class ApiDescription {
  #document: oas31.OpenAPIObject | undefined;

  constructor(private readonly discovery: DiscoveryService) {}

  /** All endpoints by address and method. */
  endpoints(): MountedEndpoint[] {
    return this.discovery
      .getControllers()
      .flatMap(({ metatype }) => endpointsOf(metatype as Type))
      .sort((a, b) => (a.url === b.url ? (a.method < b.method ? -1 : 1) : a.url < b.url ? -1 : 1));
  }

  /** The description; made when it is first asked for. */
  document(): oas31.OpenAPIObject {
    this.#document ??= describe(this.endpoints());
    return this.#document;
  }
}

function endpointsOf(controller: Type): MountedEndpoint[] {
  const prefix = (Reflect.getMetadata(PATH_METADATA, controller) as string).replace(/^\/+|\/+$/g, '');
  const prototype = controller.prototype as Record<string, unknown>;
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    if (name === 'constructor' || typeof handler !== 'function') return [];
    const endpoint = Reflect.getMetadata(ENDPOINT, handler) as EndpointDefinition | undefined;
    if (!endpoint) return [];
    const url = `/${[prefix, endpoint.path].filter(Boolean).join('/')}`;
    return [{ ...endpoint, url, tag: url.split('/')[3] ?? 'health' }];
  });
}

function describe(endpoints: readonly MountedEndpoint[]): oas31.OpenAPIObject {
  const paths: ZodOpenApiPathsObject = {};
  for (const endpoint of endpoints) {
    const url = endpoint.url.replace(/:(\w+)/g, '{$1}');
    paths[url] = { ...paths[url], [endpoint.method.toLowerCase()]: operation(endpoint) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Claviger',
      version: PRODUCT_VERSION,
      description: `One control plane over every vault. Request bodies have at most ${BODY_LIMIT_BYTES} bytes. Lists are paged with an opaque cursor. Errors are problem documents with a stable code.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A Claviger token.' } } },
    paths,
  }) as oas31.OpenAPIObject;
}

function operation(endpoint: MountedEndpoint): ZodOpenApiOperationObject {
  const status = endpoint.status ?? 200;
  const header = endpoint.ifMatch
    ? z.object({
        'If-Match': z.string().meta({
          description: `The ETag that you read (the ${endpoint.ifMatch}), or * for any. Without it: 428; stale: 412.`,
          example: '"3"',
        }),
      })
    : undefined;
  return {
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: [endpoint.description, `Needs: ${endpoint.needs}.`].filter(Boolean).join('\n\n'),
    ...(endpoint.needs === 'public' ? { security: [] } : {}),
    requestParams: {
      ...(endpoint.params ? { path: endpoint.params } : {}),
      ...(endpoint.query ? { query: endpoint.query } : {}),
      ...(header ? { header } : {}),
    },
    ...(endpoint.body ? { requestBody: { content: { 'application/json': { schema: endpoint.body } } } } : {}),
    responses: {
      [status]: endpoint.response
        ? { description: 'Done', content: { 'application/json': { schema: endpoint.response } } }
        : { description: 'Done' },
      default: problemResponse,
    },
  };
}
