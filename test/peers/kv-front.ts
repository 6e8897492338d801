import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What stands in front of a vault does with one request: passes it on, or answers itself. */
export type FrontRule = (
  request: { readonly method: string; readonly url: string; readonly pass: () => void },
  response: ServerResponse,
) => void;

/** A proxy before a real server, for the faults that the server itself cannot be made to show. */
export type Front = {
  readonly address: string;
  /** What it does from now on; at first it passes everything on. */
  rule: FrontRule;
  close(): Promise<void>;
};

export const passOn: FrontRule = ({ pass }) => pass();

/** Answers everything itself. */
export function answerAll(status: number, body: string, headers: Readonly<Record<string, string>> = {}): FrontRule {
  return (_, response) => response.writeHead(status, headers).end(body);
}

/** Lets the server do its work, and closes the connection instead of handing over the answer. */
export const loseAnswers: FrontRule = ({ pass }, response) => {
  response.writeHead = () => response;
  response.write = () => true;
  response.end = () => {
    response.socket?.destroy();
    return response;
  };
  pass();
};

export async function startFront(target: string): Promise<Front> {
  const server = createServer((request, response) => {
    const pass = (): void => passTo(target, request, response);
    front.rule({ method: request.method ?? '', url: request.url ?? '', pass }, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front: Front = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rule: passOn,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return front;
}

function passTo(target: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, url = '/', headers } = request;
  const upstream = forward(
    new URL(url, target),
    { method, headers: { ...headers, host: new URL(target).host } },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('data', (chunk: Buffer) => response.write(chunk));
      answer.on('end', () => response.end());
    },
  );
  upstream.on('error', () => response.destroy());
  request.pipe(upstream);
}
