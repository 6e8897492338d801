import { Injectable, type Type } from '@nestjs/common';
import { MODULE_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService } from '@nestjs/core';
import { PRODUCT_VERSION } from '@claviger/composition';
import { createDocument, type oas31, type ZodOpenApiPathsObject } from 'zod-openapi';
import { ENDPOINT, type EndpointDefinition } from './endpoint.js';
import { BODY_LIMIT_BYTES } from './json-body.js';
import { operation, problemComponents, type MountedEndpoint } from './openapi-operation.js';

/** Knows every REST endpoint that is served, and describes them as OpenAPI 3.1. */
@Injectable()
export class ApiDescription {
  #document: oas31.OpenAPIObject | undefined;

  constructor(private readonly discovery: DiscoveryService) {}

  /** All endpoints by address and method. */
  endpoints(): MountedEndpoint[] {
    return endpointsOf(this.discovery.getControllers().map(({ metatype }) => metatype as Type));
  }

  /** The description; made when it is first asked for. */
  document(): oas31.OpenAPIObject {
    this.#document ??= describeApi(this.endpoints());
    return this.#document;
  }
}

/** What a running process with this module serves, told from its code alone. */
export function describeModule(module: Type): oas31.OpenAPIObject {
  return describeApi(endpointsOf(Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, module) as Type[]));
}

/** The endpoints of controllers by address and method, found without an instance of any. */
export function endpointsOf(controllers: readonly Type[]): MountedEndpoint[] {
  return controllers
    .flatMap(mounted)
    .sort((a, b) => (a.url === b.url ? (a.method < b.method ? -1 : 1) : a.url < b.url ? -1 : 1));
}

/** Describes endpoints as an OpenAPI 3.1 document. */
export function describeApi(endpoints: readonly MountedEndpoint[]): oas31.OpenAPIObject {
  const described = endpoints.filter(({ isInternal }) => !isInternal);
  const paths: ZodOpenApiPathsObject = {};
  for (const endpoint of described) {
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
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A Claviger token.' } },
      ...problemComponents(described),
    },
    paths,
  }) as oas31.OpenAPIObject;
}

function mounted(controller: Type): MountedEndpoint[] {
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
