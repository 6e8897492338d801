import type { WebhookAnswer, WebhookPost, WebhookSender } from '@claviger/features/notifications';
import { isAppError } from '@claviger/kernel';
import {
  classifyWireFailure,
  createPinnedDispatcher,
  parseRetryAfter,
  type NetworkPolicy,
} from '@claviger/vaults/network';
import { request } from 'undici';
import { withinPrivateNetworks } from './private-networks.js';

const MAX_ANSWER_BYTES = 64 * 1_024;
/** Within which a receiver must answer, from connecting to the status; the specification suggests 15 to 30 seconds. */
const TIMEOUT_MS = 15_000;
const HTTP_RULE = 'webhooks are posted by https, outside private networks';

/** Posts to receivers of webhooks, where the network policy of vaults allows. */
export class PinnedWebhookSender implements WebhookSender {
  constructor(
    private readonly policy: NetworkPolicy,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {}

  async post({ url: address, caCertificate, headers, body }: WebhookPost): Promise<WebhookAnswer> {
    const url = new URL(address);
    const signal = AbortSignal.timeout(this.timeoutMs);
    // A connection of its own, which ends with the status: the answer's body is nobody's business.
    const dispatcher = createPinnedDispatcher({
      policy: url.protocol === 'https:' ? this.policy : withinPrivateNetworks(this.policy, HTTP_RULE),
      backend: 'webhook',
      maxResponseBytes: MAX_ANSWER_BYTES,
      ...(caCertificate === null ? {} : { tls: { ca: caCertificate } }),
    });
    try {
      const answer = await request(url, { method: 'POST', dispatcher, headers, body, signal });
      answer.body.on('error', () => undefined);
      return { statusCode: answer.statusCode, retryAfterMs: parseRetryAfter(answer.headers['retry-after']) };
    } catch (error) {
      return { error: codeOf(error, signal) };
    } finally {
      await dispatcher.destroy();
    }
  }
}

/** Why there is no answer, in the words of the vaults. */
function codeOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'TIMEOUT';
  return isAppError(error) ? error.code.replace(/^VAULT_/, '') : classifyWireFailure(error).code;
}
