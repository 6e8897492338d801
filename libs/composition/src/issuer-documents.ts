import type { IssuerDocuments } from '@claviger/features/principals';
import { createPinnedDispatcher, type NetworkPolicy } from '@claviger/vaults/network';
import { request } from 'undici';
import { issuerAnswerUnusable } from './issuer-documents.errors.js';
import { withinPrivateNetworks } from './private-networks.js';

const MAX_ANSWER_BYTES = 256 * 1_024;
const TIMEOUT_MS = 5_000;
// Who stands in between on plain http says which keys to believe.
const HTTP_RULE = 'keys are fetched by https, outside private networks';

/** Fetches what login issuers publish, where the network policy of vaults allows. */
export class PinnedIssuerDocuments implements IssuerDocuments {
  constructor(
    private readonly policy: NetworkPolicy,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {}

  async fetch(address: string, caCertificate: string | null): Promise<unknown> {
    const url = new URL(address);
    // A connection of its own, which ends with the answer: the next request comes minutes later.
    const dispatcher = createPinnedDispatcher({
      policy: url.protocol === 'https:' ? this.policy : withinPrivateNetworks(this.policy, HTTP_RULE),
      backend: 'login-issuer',
      maxResponseBytes: MAX_ANSWER_BYTES,
      ...(caCertificate === null ? {} : { tls: { ca: caCertificate } }),
    });
    try {
      const { statusCode, body } = await request(url, {
        dispatcher,
        headers: { accept: 'application/json, application/jwk-set+json' },
        signal: AbortSignal.timeout(this.timeoutMs),
      });
      // Redirects among them: an address that was not checked with the rest is not gone to.
      if (statusCode !== 200) throw issuerAnswerUnusable(`it answered ${statusCode} and not 200`);
      return parse(await body.text());
    } finally {
      await dispatcher.destroy();
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw issuerAnswerUnusable('it answered no JSON');
  }
}
