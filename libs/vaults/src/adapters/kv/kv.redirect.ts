import { kvError } from './kv.errors.js';
import type { KvAnswer, KvTask } from './kv.wire.js';

export type RedirectRule = {
  /** The configured address. */
  readonly address: URL;
  /** `host` (any port) or `host:port`, besides the host of the address. */
  readonly hosts: readonly string[];
};

/**
 * Where to repeat a request that a standby answered with 307 or 308: the same path at the host that it names. Undefined
 * when the answer is no redirect.
 * @throws VaultError MISCONFIGURED naming the host: another kind of redirect, no usable Location, a host that is not
 * listed on the instance, or a step from https down to http
 */
export function redirectTarget(task: KvTask, url: URL, answer: KvAnswer, rule: RedirectRule): URL | undefined {
  const { status } = answer;
  if (status < 300 || status >= 400) return undefined;
  if (status !== 307 && status !== 308) {
    throw kvError(
      task,
      'MISCONFIGURED',
      `${url.host} answers with a redirect (HTTP ${status}), which no vault does; check the address`,
    );
  }
  const location = answer.headers.location;
  if (typeof location !== 'string' || !URL.canParse(location, url.href)) {
    throw kvError(task, 'MISCONFIGURED', `${url.host} redirects without saying where`);
  }
  const to = new URL(location, url);
  if (!['http:', 'https:'].includes(to.protocol) || (url.protocol === 'https:' && to.protocol !== 'https:')) {
    throw kvError(
      task,
      'MISCONFIGURED',
      `${url.host} redirects to ${to.protocol}//${to.host}, which is no https address`,
    );
  }
  if (!isListed(to, rule)) {
    throw kvError(
      task,
      'MISCONFIGURED',
      `${url.host} redirects to ${to.host}; if that is a node of the cluster, add it to redirectHosts`,
    );
  }
  // Only the host is taken over: a standby repeats the path, in an encoding that need not be ours.
  const target = new URL(url);
  target.protocol = to.protocol;
  target.hostname = to.hostname;
  target.port = to.port;
  return target;
}

function isListed(to: URL, rule: RedirectRule): boolean {
  if (to.hostname === rule.address.hostname) return true;
  return rule.hosts.some((entry) => {
    const listed = new URL(`${to.protocol}//${entry}`);
    const anyPort = !/:\d+$/.test(entry);
    return listed.hostname === to.hostname && (anyPort || listed.port === to.port);
  });
}
