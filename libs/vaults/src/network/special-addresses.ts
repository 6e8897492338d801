import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Range = readonly [Address, number];

/** A set of ranges and what to call them in an error message. */
export type NamedRanges = { readonly rule: string; readonly ranges: readonly Range[] };

const named = (rule: string, ...ranges: readonly string[]): NamedRanges => ({ rule, ranges: ranges.map(parseRange) });

/** No vault can live at these, so nothing opens them. */
export const NEVER_REACHED: readonly NamedRanges[] = [
  named('the unspecified address is never connected to', '0.0.0.0/8', '::/128'),
  named('multicast addresses are never connected to', '224.0.0.0/4', 'ff00::/8'),
  named('the broadcast address is never connected to', '255.255.255.255/32'),
  // The services that hand a machine its credentials and settings: whoever makes Claviger ask them reads its identity.
  named(
    'cloud metadata addresses are never connected to',
    '169.254.169.254/32', // AWS, Azure, Google Cloud, Oracle, DigitalOcean, OpenStack
    '169.254.170.2/32', // AWS ECS task credentials
    '169.254.170.23/32', // AWS EKS pod identity
    '169.254.0.23/32', // Tencent Cloud
    '169.254.42.42/32', // Scaleway
    '100.100.100.200/32', // Alibaba Cloud
    '168.63.129.16/32', // Azure WireServer
    '192.0.0.192/32', // Oracle Cloud Classic
    'fd00:ec2::254/128', // AWS
    'fd00:ec2::23/128', // AWS EKS pod identity
    'fd20:ce::254/128', // Google Cloud
    'fd00:42::42/128', // Scaleway
  ),
];

/** Denied unless the operator allows the very address. */
export const LINK_LOCAL: NamedRanges = named(
  'link-local addresses are denied unless the address itself is on the allow list',
  '169.254.0.0/16',
  'fe80::/10',
);

/** Names of metadata services; the resolver of a cloud's network maps them to the addresses above. */
export const METADATA_HOSTS: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'metadata.platformequinix.com',
  'metadata.packet.net',
]);

/**
 * IPv6 forms that carry an IPv4 address which a router, a tunnel or the system itself turns them into. In `::/96` also
 * live `::` and `::1`, which carry none: 0.0.0.0/8 cannot be meant by any of the forms.
 */
const EMBEDDING: readonly (readonly [Range, firstByte: number])[] = [
  [parseRange('::ffff:0:0:0/96'), 12], // IPv4-translated, RFC 2765
  [parseRange('::/96'), 12], // IPv4-compatible, RFC 4291, deprecated
  [parseRange('64:ff9b::/96'), 12], // NAT64, RFC 6052
  [parseRange('64:ff9b:1::/48'), 12], // local NAT64, RFC 8215
  [parseRange('2002::/16'), 2], // 6to4, RFC 3056
];

/** Parses `a.b.c.d/n`, an IPv6 prefix, or a single address; a mapped one becomes IPv4. @throws Error for anything else */
export function parseRange(text: string): Range {
  const [address, given] = text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), undefined];
  const bits = given ?? (isIPv6(address) ? 128 : 32);
  return isIPv6(address) && address.isIPv4MappedAddress() && bits >= 96
    ? [address.toIPv4Address(), bits - 96]
    : [address, bits];
}

/** The address itself, without its zone, and each IPv4 address that it stands for. */
export function formsOf(text: string): readonly Address[] {
  const address = ipaddr.parse(text.replace(/%.*$/, ''));
  if (!isIPv6(address)) return [address];
  // The system connects to the IPv4 address itself, so that is the address, and there is no second form.
  if (address.isIPv4MappedAddress()) return [address.toIPv4Address()];
  const bytes = address.toByteArray();
  const embedded = EMBEDDING.filter(([range, first]) => inRange(address, range) && bytes[first] !== 0).map(
    ([, first]) => ipaddr.fromByteArray(bytes.slice(first, first + 4)),
  );
  return [address, ...embedded];
}

export function inRange(address: Address, [network, bits]: Range): boolean {
  if (isIPv6(address)) return isIPv6(network) && address.match(network, bits);
  return !isIPv6(network) && address.match(network, bits);
}

function isIPv6(address: Address): address is ipaddr.IPv6 {
  return address.kind() === 'ipv6';
}
