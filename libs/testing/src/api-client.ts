/** Whatever JSON holds: tests say by their expectations what should be in it. */
export type JsonBody = ReturnType<typeof JSON.parse>;

export type ApiAnswer = {
  readonly status: number;
  /** The parsed JSON; undefined where there was none. */
  readonly body: JsonBody;
  /** The body as it came, byte for byte as text. */
  readonly text: string;
  readonly headers: Headers;
  /** The ETag without its quotes; undefined where there was none. */
  readonly etag: string | undefined;
};

export type ApiOptions = {
  /** Goes out in quotes, except `*`. */
  readonly ifMatch?: string | number;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A request as a client that is not ours might send it. */
export type RawRequest = {
  readonly method: string;
  /** From the root of the server, encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};

/** Is told every request with its answer. */
export type AnswerObserver = (request: Pick<RawRequest, 'method' | 'path'>, answer: ApiAnswer) => void;

/** A small client of the REST API with one token; never throws for a status. */
export class ApiClient {
  constructor(
    readonly url: string,
    readonly token: string | undefined,
    private readonly observe: AnswerObserver = () => undefined,
  ) {}

  /** The same API with another token, or none. */
  as(token: string | undefined): ApiClient {
    return new ApiClient(this.url, token, this.observe);
  }

  /** Paths are below `/api/v1`. */
  get(path: string, options?: ApiOptions): Promise<ApiAnswer> {
    return this.#send('GET', path, undefined, options);
  }

  /** A body of undefined is sent as `{}`. */
  post(path: string, body: unknown = {}, options?: ApiOptions): Promise<ApiAnswer> {
    return this.#send('POST', path, body, options);
  }

  put(path: string, body: unknown, options?: ApiOptions): Promise<ApiAnswer> {
    return this.#send('PUT', path, body, options);
  }

  patch(path: string, body: unknown, options?: ApiOptions): Promise<ApiAnswer> {
    return this.#send('PATCH', path, body, options);
  }

  delete(path: string, options?: ApiOptions): Promise<ApiAnswer> {
    return this.#send('DELETE', path, undefined, options);
  }

  /** The items of all pages of a list, asked for `limit` at a time. @throws Error for a page that is refused */
  async all(path: string, limit = 200): Promise<JsonBody[]> {
    const items: JsonBody[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const next = `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const { status, body } = await this.get(next);
      if (status !== 200) throw new Error(`${next} answered ${status}: ${JSON.stringify(body)}`);
      items.push(...(body.items as JsonBody[]));
      cursor = body.nextCursor as string | null;
    }
    return items;
  }

  /** Sends exactly this; the token goes along unless `headers` has an authorization of its own. */
  async raw({ method, path, headers = {}, body }: RawRequest): Promise<ApiAnswer> {
    const authorization: Record<string, string> =
      this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
    const response = await fetch(`${this.url}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...authorization, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const answer = {
      status: response.status,
      body: parse(text),
      text,
      headers: response.headers,
      etag: response.headers.get('etag')?.replaceAll('"', ''),
    };
    this.observe({ method, path }, answer);
    return answer;
  }

  #send(method: string, path: string, body: unknown, { ifMatch, headers }: ApiOptions = {}): Promise<ApiAnswer> {
    return this.raw({
      method,
      path: `/api/v1${path}`,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch === '*' ? '*' : `"${ifMatch}"` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

function parse(text: string): JsonBody {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
