import type { VaultErrorCode } from '@claviger/vaults/contract';

/** Why a request got no whole answer. */
export type WireFailure = {
  readonly code: VaultErrorCode;
  /** A clause without anything of the request or the answer. */
  readonly says: string;
  /** Whether the server may have received the request. */
  readonly mayBeSent: boolean;
};

/** Nothing was sent when one of these is the reason: there was no connection to send on. */
const NOT_CONNECTED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at the address',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not accept connections',
};

const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH$|EPROTO$)/;

/** What an error of a socket, of TLS or of undici means, by its code. */
export function classifyWireFailure(error: unknown): WireFailure {
  const code = codeOf(error);
  const unreached = NOT_CONNECTED[code];
  if (unreached !== undefined) return { code: 'UNAVAILABLE', says: unreached, mayBeSent: false };
  if (TLS_CODE.test(code)) {
    const says = `no TLS connection (${code}); check address, CA certificate, server name and client certificate`;
    return { code: 'MISCONFIGURED', says, mayBeSent: false };
  }
  const [vaultCode, says] = broken(code);
  return { code: vaultCode, says, mayBeSent: true };
}

function broken(code: string): readonly [VaultErrorCode, string] {
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return ['TOO_LARGE', 'the answer is larger than Claviger accepts'];
  if (code.startsWith('HPE_')) return ['UNAVAILABLE', 'the answer is not HTTP'];
  return ['UNAVAILABLE', 'the connection broke before the answer was complete'];
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
