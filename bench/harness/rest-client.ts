import { Agent } from 'undici';

/** A small client of Claviger's REST API with one token. */
export class RestClient {
  readonly #agent = new Agent({ connections: 64 });
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly url: string,
    token: string,
  ) {
    this.headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  }

  /** @param path below `/api/v1` @throws Error for a status of 400 or more */
  async call<T = Record<string, unknown>>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const { body: answer, statusCode } = await this.#agent.request({
      origin: this.url,
      method,
      path: `/api/v1${path}`,
      headers: { ...this.headers, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (statusCode >= 400) throw new Error(`Claviger answered ${statusCode} to ${method} ${path}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as T;
  }

  close(): Promise<void> {
    return this.#agent.close();
  }
}

/** Does all pieces of work, so many at the same time; results in the order of the work. */
export async function inParallel<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return results;
}
