import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createNetworkPolicy, type NetworkPolicySettings } from './network-policy.js';

/** What the dispatcher does with a URL: the host as the URL parser gives it, then each address. */
function refusal(host: string, settings?: NetworkPolicySettings, addresses?: readonly string[]): string | undefined {
  const { hostname } = new URL(`http://${host}/`);
  const name = hostname.replace(/^\[|\]$/g, '');
  const policy = createNetworkPolicy(settings);
  return (
    policy.refusesHost(name) ??
    (addresses ?? [name]).map((address) => policy.refusesAddress(address, name)).find((rule) => rule !== undefined)
  );
}

describe('createNetworkPolicy', () => {
  it.each([
    ['169.254.169.254', 'metadata'],
    ['2852039166', 'metadata'],
    ['0xa9fea9fe', 'metadata'],
    ['0251.0376.0251.0376', 'metadata'],
    ['169.254.43518', 'metadata'],
    ['169.254.169.254.', 'metadata'],
    ['[::ffff:169.254.169.254]', 'metadata'],
    ['[::ffff:a9fe:a9fe]', 'metadata'],
    ['[::169.254.169.254]', 'metadata'],
    ['[64:ff9b::169.254.169.254]', 'metadata'],
    ['[64:ff9b:1::a9fe:a9fe]', 'metadata'],
    ['[2002:a9fe:a9fe::1]', 'metadata'],
    ['[::ffff:0:a9fe:a9fe]', 'metadata'],
    ['[fd00:ec2::254]', 'metadata'],
    ['[fd00:0ec2:0:0:0:0:0:0254]', 'metadata'],
    ['[fd20:ce::254]', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['metadata.google.internal', 'metadata'],
    ['METADATA.google.INTERNAL.', 'metadata'],
    ['instance-data', 'metadata'],
    ['169.254.0.1', 'link-local'],
    ['[fe80::1]', 'link-local'],
    ['[febf::1]', 'link-local'],
    ['[::ffff:169.254.1.1]', 'link-local'],
    ['0.0.0.0', 'unspecified'],
    ['0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['[::]', 'unspecified'],
    ['[::ffff:0.0.0.0]', 'unspecified'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['[ff02::1]', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['[::ffff:255.255.255.255]', 'broadcast'],
  ])('refuses %s as %s', (host, rule) => {
    expect(refusal(host)).toContain(rule);
  });

  it.each([
    '127.0.0.1',
    '[::1]',
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '[fd12::1]',
    '100.64.0.1',
    '8.8.8.8',
    '[2001:db8::1]',
  ])('allows %s by default', (host) => {
    expect(refusal(host)).toBeUndefined();
  });

  it('refuses a name of which one address is refused', () => {
    expect(refusal('vault.example.org', {}, ['10.0.0.1', '169.254.169.254'])).toContain('metadata');
  });

  it('refuses an address with a zone by what it is without', () => {
    expect(refusal('vault.example.org', {}, ['fe80::1%eth0'])).toContain('link-local');
  });

  it.each([
    ['127.0.0.0/8', '127.0.0.1'],
    ['127.0.0.0/8', '[::ffff:127.0.0.1]'],
    ['::1', '[::1]'],
    ['10.0.0.0/8', '[64:ff9b::10.1.1.1]'],
    ['::ffff:10.0.0.0/104', '10.9.9.9'],
    ['vault.example.org', 'VAULT.example.org'],
    ['*.example.org', 'a.b.example.org'],
    ['xn--bcher-kva.example', 'bücher.example'],
  ])('refuses what the deny list entry %s means: %s', (entry, host) => {
    expect(refusal(host, { deny: [entry] })).toContain(entry);
  });

  it('takes a name in the list as the resolver would', () => {
    expect(refusal('xn--bcher-kva.example', { deny: ['Bücher.example.'] })).toContain('xn--bcher-kva.example');
  });

  it('does not take *.example.org for example.org', () => {
    expect(refusal('example.org', { deny: ['*.example.org'] }, ['10.0.0.1'])).toBeUndefined();
  });

  it('lets deny win over allow', () => {
    expect(refusal('10.0.0.1', { allow: ['10.0.0.1'], deny: ['10.0.0.0/8'] })).toContain('10.0.0.0/8');
  });

  it('refuses what a given allow list does not name', () => {
    const allow = ['10.0.0.0/8', 'vault.example.org'];
    expect(refusal('10.1.1.1', { allow })).toBeUndefined();
    expect(refusal('[::ffff:10.1.1.1]', { allow })).toBeUndefined();
    expect(refusal('vault.example.org', { allow }, ['203.0.113.7'])).toBeUndefined();
    expect(refusal('203.0.113.7', { allow })).toContain('allow list');
    expect(refusal('other.example.org', { allow }, ['203.0.113.7'])).toContain('allow list');
    expect(refusal('[64:ff9b::10.1.1.1]', { allow })).toContain('allow list');
  });

  it('opens a link-local address by its exact entry, not by a range or a name', () => {
    expect(refusal('169.254.10.5', { allow: ['169.254.10.5'] })).toBeUndefined();
    expect(refusal('169.254.10.5', { allow: ['169.254.0.0/16'] })).toContain('link-local');
    expect(refusal('169.254.10.5', { allow: ['169.254.10.5/32'] })).toContain('link-local');
    expect(refusal('sidecar', { allow: ['sidecar'] }, ['169.254.10.5'])).toContain('link-local');
  });

  it('never opens metadata, unspecified, multicast or broadcast addresses', () => {
    for (const address of ['169.254.169.254', 'fd00:ec2::254', '0.0.0.0', '224.0.0.1', '255.255.255.255']) {
      expect(createNetworkPolicy({ allow: [address] }).refusesAddress(address, address)).toBeDefined();
    }
  });

  it.each([
    '',
    '10.1',
    '10.0.0.0/33',
    '300.1.1.1',
    'a b',
    'http://x',
    'x:80',
    '*',
    '*.',
    'a.*',
    '10.*',
    '0x7f.1',
    '-a',
    'a..b',
  ])('refuses the list entry %j', (entry) => {
    expect(() => createNetworkPolicy({ deny: [entry] })).toThrow(
      expect.objectContaining({ code: 'NETWORK_POLICY_INVALID' }),
    );
  });

  it('judges every spelling of an IPv4 address in IPv6 like the address', () => {
    const policy = createNetworkPolicy({ deny: ['203.0.113.0/24'] });
    fc.assert(
      fc.property(fc.ipV4(), (ipv4) => {
        const plain = policy.refusesAddress(ipv4, 'host');
        expect(policy.refusesAddress(`::ffff:${ipv4}`, 'host')).toBe(plain);
        if (plain !== undefined && !ipv4.startsWith('0.')) {
          expect(policy.refusesAddress(`64:ff9b::${ipv4}`, 'host')).toBe(plain);
        }
      }),
    );
  });
});
