import { describe, expect, it } from '@jest/globals';
import { mailText } from './mail-text.js';

const event = {
  type: 'approval.requested',
  subjectId: 'the-id',
  occurredAt: new Date(0),
  facts: { reason: 'free text' },
};

describe('a mail', () => {
  it('carries type, name, id, time and a link, and none of the facts', () => {
    expect(mailText(event, 'shop/db', 'https://vault.example/')).toEqual({
      subject: '[Claviger] approval.requested: shop/db',
      text:
        'Event: approval.requested\nName: shop/db\nId: the-id\nTime: 1970-01-01T00:00:00.000Z\n\n' +
        'https://vault.example/api/v1/approvals/the-id\n',
    });
  });

  it('has a link to the report that is ready, and nothing of what it says', () => {
    const ready = { ...event, type: 'report.ready', facts: { rows: 214, moment: '2026-11-01' } };
    expect(mailText(ready, 'inventory', 'https://vault.example').text).toBe(
      'Event: report.ready\nName: inventory\nId: the-id\nTime: 1970-01-01T00:00:00.000Z\n\n' +
        'https://vault.example/api/v1/reports/the-id\n',
    );
  });

  it('has no link where the address of the installation is not known, and no name where there is none', () => {
    const { subject, text } = mailText(event, undefined, undefined);
    expect(subject).toBe('[Claviger] approval.requested');
    expect(text).not.toMatch(/http|Name/);
  });

  it('lets no name begin a line of its own', () => {
    const { subject, text } = mailText(event, 'a\r\nBcc: b', undefined);
    expect(subject).not.toMatch(/[\r\n]/);
    expect(text).toContain('Name: a  Bcc: b\n');
  });
});
