import type { NetworkPolicy } from '@claviger/vaults/network';
import ipaddr from 'ipaddr.js';

/** Where nobody but the operators' own machines can stand between two. */
const PRIVATE: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'linkLocal']);

/** The same policy without the internet, for plain http. `rule` says why an address outside is refused. */
export function withinPrivateNetworks(policy: NetworkPolicy, rule: string): NetworkPolicy {
  return {
    refusesHost: (host) => policy.refusesHost(host),
    refusesAddress: (address, host) =>
      policy.refusesAddress(address, host) ?? (PRIVATE.has(ipaddr.process(address).range()) ? undefined : rule),
  };
}
