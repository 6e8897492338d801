import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { redirectTarget } from './kv.redirect.js';

const task = {
  call: { requestId: 'r', signal: new AbortController().signal },
  operation: 'read',
  subject: '"a" in mount "kv"',
};
const ASKED = 'https://vault.test:8200/v1/kv/data/it%27s%2Fx?version=2';

function target(
  location: string | undefined,
  options: { status?: number; hosts?: readonly string[]; asked?: string } = {},
) {
  const { status = 307, hosts = [], asked = ASKED } = options;
  const answer = { status, headers: location === undefined ? {} : { location }, body: new SecretValue('') };
  return redirectTarget(task, new URL(asked), answer, { address: new URL('https://vault.test:8200/'), hosts })?.href;
}

describe('redirectTarget', () => {
  it.each([200, 204, 400, 404, 429, 503])('leaves an answer of status %i alone', (status) => {
    expect(target('https://evil.test/', { status })).toBeUndefined();
  });

  it.each([
    ['https://active.test:8200/v1/kv/data/x', ['active.test:8200']],
    ['https://active.test:8200/v1/kv/data/x', ['other.test', 'active.test']],
    ['https://ACTIVE.test:8200/', ['active.TEST:8200']],
    ['//active.test:8200/x', ['active.test']],
    ['https://active.test:8200', ['active.test']],
  ])('follows %s to a listed host, with the path and query that were asked for', (location, hosts) => {
    expect(target(location, { hosts })).toBe('https://active.test:8200/v1/kv/data/it%27s%2Fx?version=2');
  });

  it('follows to an address of a node', () => {
    expect(target('https://[fd00::1]:8200/', { hosts: ['[FD00::1]:8200'] })).toContain('https://[fd00::1]:8200/v1/');
    expect(target('https://10.0.0.2/', { hosts: ['10.0.0.2:443'] })).toContain('https://10.0.0.2/v1/');
  });

  it('follows to another port of its own host', () => {
    expect(target('https://vault.test:8300/x')).toContain('https://vault.test:8300/v1/kv/');
    expect(target('https://vault.test:8300/x', { status: 308 })).toContain('https://vault.test:8300/v1/kv/');
  });

  it('follows from http up to https', () => {
    expect(target('https://vault.test:8200/x', { asked: 'http://vault.test/v1/a' })).toBe(
      'https://vault.test:8200/v1/a',
    );
  });

  it.each([
    ['a host that is not listed', 'https://evil.test/', ['active.test'], 'evil.test'],
    ['a listed host at another port', 'https://active.test:9999/', ['active.test:8200'], 'active.test:9999'],
    ['a host that ends like a listed one', 'https://xactive.test/', ['active.test'], 'xactive.test'],
    ['a listed host in the place of a user', 'https://active.test@evil.test/', ['active.test'], 'evil.test'],
    ['a step down to http', 'http://active.test/', ['active.test'], 'active.test'],
    ['a step down to http on its own host', 'http://vault.test:8200/', [], 'vault.test'],
    ['another scheme', 'ftp://active.test/', ['active.test'], 'ftp:'],
    ['no URL', 'https://', ['active.test'], 'vault.test'],
    ['nothing', undefined, ['active.test'], 'vault.test'],
  ])('refuses %s', (_, location, hosts, named) => {
    expect(() => target(location, { hosts })).toThrow(
      expect.objectContaining({ vaultCode: 'MISCONFIGURED', message: expect.stringContaining(named) }),
    );
  });

  it.each([300, 301, 302, 303, 304, 305])('refuses status %i, which no vault answers with', (status) => {
    expect(() => target('https://vault.test:8200/', { status })).toThrow(
      expect.objectContaining({ vaultCode: 'MISCONFIGURED', message: expect.stringContaining('vault.test:8200') }),
    );
  });
});
