import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

const CHECK_MS = 50;

/**
 * Ends the connections of a server that closes as soon as nobody asks anything on them. Node ends only those that are
 * idle at the moment of closing: one whose last answer is written later stays until its keep-alive time is out, and one
 * that a client opened in advance, without a request so far, until the time for sending a request is out.
 */
export class ConnectionDrain {
  readonly #open = new Set<Socket>();

  constructor(private readonly server: Server) {
    // What is read of a connection with TLS is told by the socket above it.
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  /** Runs what closes the server, and looks after its connections meanwhile. */
  async during(close: () => Promise<void>): Promise<void> {
    const timer = setInterval(() => this.#endUnused(), CHECK_MS);
    try {
      await close();
    } finally {
      clearInterval(timer);
    }
  }

  #endUnused(): void {
    if (this.server.listening) return;
    this.server.closeIdleConnections();
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
  }
}
