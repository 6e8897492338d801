import 'reflect-metadata';
import { MODULE_METADATA } from '@nestjs/common/constants.js';
import type { Type } from '@nestjs/common';
import { Validator } from '@seriousme/openapi-schema-validator';
import { unboundedInputs } from '@claviger/testing';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { ApiModule } from '../api.module.js';
import { decodeJsonBody } from './json-body.js';
import { responseExample } from './openapi-operation.js';
import { describeApi, endpointsOf } from './openapi.js';

const endpoints = endpointsOf(Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, ApiModule) as Type[]);
const described = endpoints.filter(({ isInternal }) => !isInternal);
// As a client gets it: without undefined, and with dates as text.
const document = JSON.parse(JSON.stringify(describeApi(endpoints))) as ApiDocument;
const operations = Object.entries(document.paths).flatMap(([url, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${url}`, ...operation })),
);

type Media = { readonly schema: object; readonly example?: unknown; readonly examples?: Record<string, unknown> };
type Answer = { readonly content?: Record<string, Media>; readonly headers?: object; readonly $ref?: string };
type Operation = {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Record<string, Media> };
  readonly responses: Record<string, Answer>;
};
type ApiDocument = {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly examples: Record<string, { readonly value: unknown }> };
};

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(document, 'api');

/** What a schema of the document has against a value. */
function faults(schema: object, value: unknown): unknown {
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')) as object;
  const validate = ajv.compile(absolute);
  return validate(value) ? [] : validate.errors;
}

describe('the description of the API', () => {
  it('is valid OpenAPI 3.1', async () => {
    expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
  });

  it('names each operation once', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids).toHaveLength(described.length);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('states a limit on the size of everything that a request may hold', () => {
    expect(operations.flatMap(({ name, ...operation }) => unboundedInputs(name, operation))).toEqual([]);
  });

  it('tells If-Match, and what is answered without it and when it is stale', () => {
    for (const { method, url, ifMatch } of described.filter((endpoint) => endpoint.ifMatch)) {
      const operation = document.paths[url.replace(/:(\w+)/g, '{$1}')]![method.toLowerCase()]!;
      const header = operation.parameters?.find(({ name }) => name === 'If-Match');
      expect({ url, ifMatch, in: header?.in }).toEqual({ url, ifMatch, in: 'header' });
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['412', '428']));
    }
  });

  it('describes an answer that fails in the form of one that does not', () => {
    const wrong = described
      .filter(({ failing }) => failing !== undefined)
      .filter(({ url, failing }) => {
        const { schema } = document.paths[url]!['get']!.responses['503']!.content!['application/json']!;
        return (faults(schema, failing) as unknown[]).length > 0;
      });
    expect(wrong).toEqual([]);
  });

  it('refers only to examples and responses that are there', () => {
    const text = JSON.stringify(document);
    const missing = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)]
      .map(([, path]) => path!.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')))
      .filter(
        (path) => path.reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document) === undefined,
      );
    expect(missing).toEqual([]);
  });
});

describe.each(described.map((endpoint) => [`${endpoint.method} ${endpoint.url}`, endpoint] as const))(
  'the examples of %s',
  (_, endpoint) => {
    const operation = document.paths[endpoint.url.replace(/:(\w+)/g, '{$1}')]![endpoint.method.toLowerCase()]!;

    it('hold a body that it accepts, where it takes one', () => {
      if (!endpoint.body) return expect(operation.requestBody).toBeUndefined();
      const { schema, example } = operation.requestBody!.content['application/json']!;
      expect(example).toBeDefined();
      expect(endpoint.body.safeParse(decodeJsonBody(Buffer.from(JSON.stringify(example)))).error).toBeUndefined();
      expect(faults(schema, example)).toEqual([]);
    });

    it('hold an answer of its form, where it gives one', () => {
      const answers = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
      expect(answers.length).toBeGreaterThan(0);
      if (endpoint.response) expect(responseExample(endpoint)).toBeDefined();
      for (const [status, { content }] of answers) {
        const isOther = status === '202' && endpoint.mayBeAccepted !== undefined;
        if (!endpoint.response && !isOther) {
          expect(content && Object.keys(content)).toEqual(endpoint.produces);
          continue;
        }
        const { schema, example } = content!['application/json']!;
        expect(example).toBeDefined();
        expect(faults(schema, example)).toEqual([]);
      }
    });

    it('hold a problem for every status that it refuses with', () => {
      const statuses = Object.keys(operation.responses);
      const isOpen = endpoint.needs === 'public';
      const isRefusable = !isOpen && endpoint.needs !== 'token';
      expect(statuses).toEqual(
        expect.arrayContaining([...(isOpen ? [] : ['401', '503']), ...(endpoint.body ? ['400', '413', '415'] : [])]),
      );
      expect(statuses.includes('403') || statuses.includes('404')).toBe(isRefusable);
    });

    it('parse as parameters', () => {
      const wrong = (operation.parameters ?? []).flatMap(({ name, schema }) => {
        const { example } = schema as { example?: unknown };
        return example === undefined || ajv.validate(schema, example) ? [] : [name];
      });
      expect(wrong).toEqual([]);
    });
  },
);

it('shows problems as they are answered', () => {
  const problem = { $ref: '#/components/schemas/Problem' };
  for (const [code, { value }] of Object.entries(document.components.examples)) {
    expect({ code, faults: faults(problem, value) }).toEqual({ code, faults: [] });
    expect(value).toMatchObject({ code, type: `urn:claviger:problem:${code}` });
  }
});
