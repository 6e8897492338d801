import { describe, expect, it } from '@jest/globals';
import { issueCertificate } from '@claviger/testing';
import {
  checkAddress,
  checkDescription,
  checkedAuthorities,
  checkedFilter,
  checkSubscriptionName,
  checkWebhookUrl,
} from './subscription-input.policy.js';

const refused = expect.objectContaining({ code: 'INPUT_INVALID' });

describe('what a subscription may be', () => {
  it.each(['https://hooks.example/x?y=z', 'http://10.0.0.1:8080/'])('takes the address %s', (url) => {
    expect(() => checkWebhookUrl(url)).not.toThrow();
  });

  it.each(['ftp://hooks.example', 'https://a:b@hooks.example', 'https://hooks.example/#x', 'nonsense', ''])(
    'refuses the address %s and quotes nothing of it',
    (url) => {
      expect(() => checkWebhookUrl(url)).toThrow(refused);
      if (url !== '') expect(() => checkWebhookUrl(url)).not.toThrow(url);
    },
  );

  it.each(['ada@shop.example', "o'neill+x@mail.shop.example"])('takes the mailbox %s', (address) => {
    expect(() => checkAddress(address)).not.toThrow();
  });

  it.each([
    'ada',
    'ada@',
    'a@b,c@d',
    'a@b c@d',
    'Ada <ada@shop.example>',
    'a@b\r\nBcc: c@d',
    '"a b"@c',
    `a@${'b'.repeat(254)}`,
  ])('refuses the mailbox %j', (address) => {
    expect(() => checkAddress(address)).toThrow(refused);
  });

  it('takes known words for a filter, each once, and at least one', () => {
    expect(checkedFilter(['secret.*', 'approval.voted', 'secret.*'])).toEqual(['approval.voted', 'secret.*']);
    for (const words of [[], ['secret.unheard-of'], ['nothing.*'], ['secret']])
      expect(() => checkedFilter(words)).toThrow(refused);
  });

  it('takes certificates and no keys', () => {
    const { cert, key } = issueCertificate('hooks.example');
    expect(checkedAuthorities(`a comment\n${cert}`)).toBe(cert.trim());
    for (const text of ['', key, cert + key]) expect(() => checkedAuthorities(text)).toThrow(refused);
  });

  it('takes plain names and printable descriptions', () => {
    expect(() => checkSubscriptionName('on-call.2')).not.toThrow();
    for (const name of ['', 'On-call', 'a/b', '-a', 'a'.repeat(129)])
      expect(() => checkSubscriptionName(name)).toThrow(refused);
    expect(() => checkDescription('two\nlines')).toThrow(refused);
  });
});
