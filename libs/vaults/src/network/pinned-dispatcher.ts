import { lookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { createSecureContext } from 'node:tls';
import { VaultError } from '@claviger/vaults/contract';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { NetworkPolicy } from './network-policy.js';

/** PEM texts. Certificates are always verified, from TLS 1.2 on. */
export type TlsSettings = {
  /** The only authorities trusted; undefined trusts those that Node brings. */
  readonly ca?: string;
  /** Client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the certificate must carry, where it is not the host of the address. */
  readonly serverName?: string;
};

/** Resolves a host name to all of its addresses. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export type PinnedDispatcherInit = {
  readonly policy: NetworkPolicy;
  /** Kind of vault, for the error. */
  readonly backend: string;
  readonly tls?: TlsSettings;
  /** The largest answer accepted, in bytes. */
  readonly maxResponseBytes: number;
  readonly resolve?: Resolve;
};

/** A handshake that takes longer has failed; a call's own signal cannot end one that other calls wait for too. */
const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
const MAX_SOCKETS_PER_HOST = 64;

/**
 * An undici dispatcher that connects only where the policy allows. For every new connection the host is resolved once,
 * **all** its addresses are checked, and the socket goes to one of exactly these: a name that answers differently the
 * second time (DNS rebinding) has no second time. One denied address denies the host. An address in place of a name is
 * checked as well. Requests carry their deadline in their own signal; proxies of the environment are not used.
 *
 * A request to a denied host fails with VaultError `ADDRESS_DENIED` naming host and rule.
 * @throws Error when a PEM text cannot be loaded
 */
export function createPinnedDispatcher(init: PinnedDispatcherInit): Dispatcher {
  const denied = (host: string, rule: string): VaultError =>
    new VaultError({
      code: 'ADDRESS_DENIED',
      backend: init.backend,
      operation: 'connect',
      message: `Claviger does not connect to ${host}: ${rule}. Use another address, or change the network lists.`,
      details: { host, rule },
    });
  const connect = buildConnector({
    ...tlsOptions(init.tls ?? {}),
    timeout: CONNECT_TIMEOUT_MS,
    autoSelectFamily: true,
    lookup: checkedLookup(init.policy, init.resolve ?? resolveAll, denied),
  });
  return new Agent({
    connections: MAX_SOCKETS_PER_HOST,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxResponseSize: init.maxResponseBytes,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) => {
      const rule =
        init.policy.refusesHost(options.hostname) ??
        // Node does not look an address up, so the check in the look-up would not see it.
        (isIP(options.hostname) === 0 ? undefined : init.policy.refusesAddress(options.hostname, options.hostname));
      if (rule) callback(denied(options.hostname, rule), null);
      else connect(options, callback);
    },
  });
}

/** The look-up of a socket: gives Node the checked addresses, and none but these. */
function checkedLookup(
  policy: NetworkPolicy,
  resolve: Resolve,
  denied: (host: string, rule: string) => VaultError,
): LookupFunction {
  return (host, options, callback) => {
    resolve(host)
      .then((addresses) => {
        if (addresses.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
        for (const { address } of addresses) {
          const rule = policy.refusesAddress(address, host);
          if (rule) throw denied(host, rule);
        }
        return addresses;
      })
      .then(
        (addresses) => {
          if (options.all) callback(null, [...addresses]);
          else callback(null, addresses[0]!.address, addresses[0]!.family);
        },
        (error: unknown) => callback(error as NodeJS.ErrnoException, []),
      );
  };
}

function resolveAll(host: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}

function tlsOptions(tls: TlsSettings): buildConnector.BuildOptions {
  return {
    secureContext: createSecureContext({ ca: tls.ca, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' }),
    // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off otherwise.
    rejectUnauthorized: true,
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}
