import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** What was posted. */
export type Post = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** @throws Error when the secret did not sign it, or it is old: the reference library's own judgement */
  verify(secret: string): unknown;
};

/** A receiver of webhooks on the loopback that keeps what it gets. */
export class HookReceiver {
  readonly posts: Post[] = [];
  /** What it answers, by path; 204 unless said. */
  readonly answers = new Map<
    string,
    { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  >();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<HookReceiver> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const { headers, url: path = '' } = request;
        const verify = (secret: string): unknown => new Webhook(secret).verify(body, headers as Record<string, string>);
        receiver.posts.push({ path, headers, body, verify });
        const { status, headers: more } = receiver.answers.get(path) ?? { status: 204 };
        response.writeHead(status, more).end(status === 204 ? undefined : `echo ${body}`);
      });
    });
    const receiver = new HookReceiver(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${path}`;
  }

  at(path: string): readonly Post[] {
    return this.posts.filter((post) => post.path === path);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
