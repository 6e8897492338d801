import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { AppError } from '@claviger/kernel';
import ipaddr from 'ipaddr.js';
import {
  formsOf,
  inRange,
  LINK_LOCAL,
  METADATA_HOSTS,
  NEVER_REACHED,
  parseRange,
  type Address,
  type Range,
} from './special-addresses.js';

/** Entries are an address (`10.1.2.3`), a range (`10.0.0.0/8`), a host name, or all names below one (`*.example.org`). */
export type NetworkPolicySettings = {
  /** When not empty, only what is listed may be connected to. */
  readonly allow?: readonly string[];
  /** Never connected to, whatever `allow` says. */
  readonly deny?: readonly string[];
};

/**
 * Decides where Claviger may connect. In this order, the first rule that applies decides:
 *
 * 1. unspecified, multicast, broadcast and cloud metadata addresses, and the names of metadata services: refused, and
 *    nothing opens them;
 * 2. on the deny list, by name or address: refused;
 * 3. link-local: refused, unless exactly this address (not a range around it) is on the allow list;
 * 4. an allow list is given, and neither the name nor the address is on it: refused;
 * 5. anything else is allowed, loopback and private networks too, because vaults live there.
 *
 * An IPv6 address that stands for an IPv4 address (mapped, translated, NAT64, 6to4 …) is judged as both by rules 1 to 3.
 */
export interface NetworkPolicy {
  /** Why this host name may not even be looked up, in words; undefined when it may. */
  refusesHost(host: string): string | undefined;
  /** Why this address, reached under this host name, may not be connected to, in words; undefined when it may. */
  refusesAddress(address: string, host: string): string | undefined;
}

/** @throws AppError `NETWORK_POLICY_INVALID` naming the entry that is neither an address, a range nor a host name */
export function createNetworkPolicy(settings: NetworkPolicySettings = {}): NetworkPolicy {
  const allow = parseList(settings.allow ?? []);
  const deny = parseList(settings.deny ?? []);
  const hasAllowList = allow.ranges.length + allow.hosts.length > 0;
  return {
    refusesHost(host) {
      const name = normalise(host);
      if (METADATA_HOSTS.has(name)) return 'names of cloud metadata services are never connected to';
      const denied = deny.hosts.find((entry) => matchesHost(entry, name));
      return denied && `the deny list has ${denied}`;
    },
    refusesAddress(text, host) {
      const forms = formsOf(text);
      for (const { rule, ranges } of NEVER_REACHED) {
        if (hits(forms, ranges)) return rule;
      }
      const denied = deny.ranges.find(({ range }) => hits(forms, [range]));
      if (denied) return `the deny list has ${denied.entry}`;
      const address = forms[0]!;
      const listed = allow.ranges.filter(({ range }) => inRange(address, range));
      if (hits(forms, LINK_LOCAL.ranges) && !listed.some(({ entry }) => isIP(entry) !== 0)) return LINK_LOCAL.rule;
      if (!hasAllowList || listed.length > 0) return undefined;
      const name = normalise(host);
      return allow.hosts.some((entry) => matchesHost(entry, name)) ? undefined : 'it is not on the allow list';
    },
  };
}

type ParsedList = {
  readonly ranges: readonly { readonly entry: string; readonly range: Range }[];
  readonly hosts: readonly string[];
};

const HOST_NAME = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;

function parseList(entries: readonly string[]): ParsedList {
  const ranges: { entry: string; range: Range }[] = [];
  const hosts: string[] = [];
  for (const entry of entries) {
    if (ipaddr.IPv6.isValid(entry) || ipaddr.IPv6.isValidCIDR(entry)) ranges.push({ entry, range: parseRange(entry) });
    else if (ipaddr.IPv4.isValidFourPartDecimal(entry)) ranges.push({ entry, range: parseRange(entry) });
    else if (ipaddr.IPv4.isValidCIDRFourPartDecimal(entry)) ranges.push({ entry, range: parseRange(entry) });
    else hosts.push(parseHost(entry));
  }
  return { ranges, hosts };
}

function parseHost(entry: string): string {
  const wildcard = entry.startsWith('*.');
  const ascii = domainToASCII(normalise(wildcard ? entry.slice(2) : entry));
  const host = wildcard ? `*.${ascii}` : ascii;
  // A name whose last label is a number is a mistyped address: URL parsers read it as one.
  if (ascii !== '' && HOST_NAME.test(host) && !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(ascii)) return host;
  throw new AppError({
    code: 'NETWORK_POLICY_INVALID',
    kind: 'invalid',
    message: `${JSON.stringify(entry)} in the network allow or deny list is neither an address (10.1.2.3), a range (10.0.0.0/8), a host name nor *.domain.`,
    details: { entry },
  });
}

function matchesHost(entry: string, name: string): boolean {
  return entry.startsWith('*.') ? name.endsWith(entry.slice(1)) : name === entry;
}

function hits(forms: readonly Address[], ranges: readonly Range[]): boolean {
  return forms.some((form) => ranges.some((range) => inRange(form, range)));
}

/** A trailing dot makes a name absolute for the resolver; it stays the same name. */
function normalise(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}
