import { isVaultError, type VaultError } from '@claviger/vaults/contract';
import { classifyWireFailure, HOP_HEADER, hopValue, parseRetryAfter, type WireFailure } from '@claviger/vaults/network';
import { request as send, type Dispatcher } from 'undici';
import { ForeignAnswer } from './aws.errors.js';

/** The SDK's request, as far as it is used. */
type SdkRequest = {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};

/** The SDK's response; whole, so that nothing of it is read later. */
type SdkResponse = {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
};

/** What a request tells about itself besides what the SDK keeps of it. */
export type RequestNotes = {
  /** Something went out, so that a write may be applied. */
  isSent: boolean;
  status?: number;
  retryAfterMs?: number;
  /** Why there was no whole answer of AWS: the SDK changes errors on their way. */
  failure?: WireFailure | VaultError | ForeignAnswer;
};

/** What the SDK hands through from `client.send` to the handler. */
export type AwsRequestOptions = {
  readonly abortSignal: AbortSignal;
  readonly hops?: readonly string[];
  readonly notes?: RequestNotes;
};

/** What an answer of the service begins with. */
const BEGINS = { json: /^\s*\{/, xml: /^\s*<(?:\?xml[^>]*>\s*<)?(?!html|!doctype)/i };

type HandlerInit = {
  readonly dispatcher: Dispatcher;
  readonly installationId: string;
  readonly answers: keyof typeof BEGINS;
};

/**
 * Sends the SDK's requests through a pinned dispatcher, so that they obey the network policy, and reads an answer
 * whole. Knows no retry and no time-out but the signal given.
 * @throws ForeignAnswer for what AWS would not answer; what undici throws
 */
export class AwsHttpHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };

  constructor(private readonly init: HandlerInit) {}

  async handle(request: SdkRequest, options?: AwsRequestOptions): Promise<{ response: SdkResponse }> {
    const notes = options?.notes;
    options?.abortSignal.throwIfAborted();
    if (notes) notes.isSent = true;
    try {
      const answer = await this.#send(request, options);
      const body = new Uint8Array(await answer.body.arrayBuffer());
      if (notes) note(notes, answer);
      if (!this.#isOurs(answer.statusCode, body)) throw new ForeignAnswer(answer.statusCode);
      return { response: { statusCode: answer.statusCode, headers: flatten(answer.headers), body } };
    } catch (error) {
      const isTranslated = error instanceof ForeignAnswer || isVaultError(error);
      if (notes) notes.failure = isTranslated ? error : classifyWireFailure(error);
      throw error;
    }
  }

  #send(request: SdkRequest, options: AwsRequestOptions | undefined): Promise<Dispatcher.ResponseData> {
    return send(urlOf(request), {
      dispatcher: this.init.dispatcher,
      method: request.method as Dispatcher.HttpMethod,
      headers: { ...request.headers, [HOP_HEADER]: hopValue(this.init.installationId, options?.hops) },
      body: request.body ?? null,
      signal: options?.abortSignal ?? null,
    });
  }

  #isOurs(status: number, body: Uint8Array): boolean {
    if (body.length === 0) return status < 300;
    return BEGINS[this.init.answers].test(Buffer.from(body.subarray(0, 256)).toString('latin1'));
  }
}

function note(notes: RequestNotes, { statusCode, headers }: Dispatcher.ResponseData): void {
  notes.status = statusCode;
  const retryAfterMs = parseRetryAfter(headers['retry-after']);
  if (retryAfterMs !== undefined) notes.retryAfterMs = retryAfterMs;
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): URL {
  const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) url.searchParams.append(name, one ?? '');
  }
  return url;
}

/** The SDK knows one text a header. */
function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]);
  return Object.fromEntries(entries) as Record<string, string>;
}
