import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ApiAnswer, RawRequest } from '@claviger/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Response = { readonly $ref?: string; readonly content?: Readonly<Record<string, { readonly schema: object }>> };
type Operation = { readonly responses: Readonly<Record<string, Response>> };
export type ApiDocument = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Response>> };
};

/** The description of the API as it is committed. */
export function committedDescription(): ApiDocument {
  const path = fileURLToPath(new URL('../../docs/generated/openapi.json', import.meta.url));
  return JSON.parse(readFileSync(path, 'utf8')) as ApiDocument;
}

/** Hears answers, and holds each to the description of the API: its status, its problem code, the form of its body. */
export class ApiJudge {
  /** What was heard that is not described, each once. */
  readonly contradictions = new Set<string>();
  readonly #ajv = new Ajv2020({ strict: false });
  readonly #document = committedDescription();
  readonly #routes = Object.entries(this.#document.paths)
    .sort(([a], [b]) => a.split('{').length - b.split('{').length)
    .map(([url, operations]) => ({ url, pattern: patternOf(url), operations }));

  constructor() {
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(this.#document, 'api');
  }

  /** What is asked of no endpoint is not judged. */
  hear({ method, path }: Pick<RawRequest, 'method' | 'path'>, answer: ApiAnswer): void {
    const [address = ''] = path.split('?');
    const route = this.#routes.find(({ pattern }) => pattern.test(address));
    const operation = route?.operations[method.toLowerCase()];
    if (!operation) return;
    const wrong = this.#judge(['paths', route.url, method.toLowerCase()], operation, answer);
    if (wrong) this.contradictions.add(`${method} ${route.url}: ${answer.status} ${wrong}`);
  }

  #judge(at: readonly string[], { responses }: Operation, answer: ApiAnswer): string | undefined {
    const { status, body, text } = answer;
    const found = responses[status];
    // A problem's response is named by the codes that it may have.
    const name = found?.$ref?.split('/').at(-1);
    const code = (body as { code?: string } | undefined)?.code ?? '';
    if (!found || (name && !name.split('-').includes(code))) return `is not described: ${text}`;
    const { content } = name ? this.#document.components.responses[name]! : found;
    if (!content) return text === '' ? undefined : 'has a body';
    const media = answer.headers.get('content-type')?.split(';')[0] ?? '';
    if (!content[media]) return `is not described: ${media}`;
    const place = name ? ['components', 'responses', name] : [...at, 'responses', String(status)];
    const validate = this.#ajv.getSchema(`api#${pointer([...place, 'content', media, 'schema'])}`)!;
    return validate(body) ? undefined : `differs: ${this.#ajv.errorsText(validate.errors)}`;
  }
}

function pointer(path: readonly string[]): string {
  return path.map((key) => `/${encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');
}

function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}
