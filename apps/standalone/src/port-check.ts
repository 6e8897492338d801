import { createServer } from 'node:net';

import { reasonOf } from '@claviger/platform/embedded';

import { portUnusable } from './standalone.errors.js';

/**
 * Makes sure that `port` (0: any) on `host` can be listened on, before anything else is touched.
 * Throws PORT_IN_USE or PORT_UNUSABLE.
 */
export function assertPortFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(portUnusable(host, port, reasonOf(error))));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
