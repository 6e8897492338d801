import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A vault that says back, in its errors, all that it was sent: as careless ones do, and proxies before good ones. */
export class EchoVault {
  private constructor(private readonly server: Server) {}

  static async start(): Promise<EchoVault> {
    const server = createServer((request, response) => {
      void bodyOf(request).then((body) => {
        const said = `${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`;
        const status = request.method === 'GET' ? 404 : 400;
        response.writeHead(status, {
          'content-type': 'application/json',
          'x-said': encodeURIComponent(said).slice(0, 4_000),
        });
        response.end(JSON.stringify({ errors: [said], data: { said } }));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new EchoVault(server);
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
