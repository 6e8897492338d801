import { describe, expect, it } from '@jest/globals';
import { testContext } from '@claviger/testing';
import fc from 'fast-check';
import { entryText, makeAuditEntry, parseEntryText, type AuditEntryFields } from './audit-entry.js';
import type { AuditEvent } from './audit-event.js';

const KEY_ID = '0123456789abcdef';
const now = new Date('2026-02-28T23:59:59.999Z');
const event: AuditEvent = {
  action: 'secret.read',
  outcome: 'allowed',
  resource: { kind: 'secret', id: 'id', name: 'team/password' },
  details: { version: 3, profile: 'production' },
};
/** The fields of an entry as they come back from its text. */
const make = (changed: Partial<AuditEvent> = {}, ctx = testContext()): AuditEntryFields =>
  parseEntryText(makeAuditEntry(ctx, { ...event, ...changed }, now, KEY_ID).text)!;

describe('an audit entry', () => {
  it('says who, where from, what, which, when and how it ended', () => {
    const ctx = testContext();
    expect(make({}, ctx)).toMatchObject({
      day: '2026-02-28',
      at: '2026-02-28T23:59:59.999Z',
      storeId: ctx.storeId,
      actorType: 'token',
      actorId: ctx.actor.id,
      actorAccessor: ctx.actor.accessor,
      actorName: ctx.actor.displayName,
      actorRootId: ctx.actor.rootId,
      action: 'secret.read',
      outcome: 'allowed',
      resourceKind: 'secret',
      resourceId: 'id',
      resourceName: 'team/password',
      requestId: ctx.requestId,
      remoteAddress: ctx.remoteAddress,
      details: { version: 3, profile: 'production' },
      macKeyId: KEY_ID,
    });
  });

  it('is named by its text: day, id, store and key', () => {
    const { text, ...named } = makeAuditEntry(testContext(), event, now, KEY_ID);
    expect(parseEntryText(text)).toMatchObject(named);
  });

  it('has a text that changes with every field', () => {
    const entry = make();
    const changes: { readonly [F in keyof AuditEntryFields]: AuditEntryFields[F] } = {
      day: '2026-03-01',
      id: '00000000-0000-7000-8000-000000000000',
      storeId: '00000000-0000-7000-8000-000000000000',
      at: '2026-02-28T23:59:59.998Z',
      actorType: 'system',
      actorId: 'other',
      actorAccessor: null,
      actorName: 'other',
      actorRootId: 'other',
      action: 'secret.delete',
      outcome: 'refused',
      resourceKind: 'token',
      resourceId: null,
      resourceName: 'other',
      requestId: 'other',
      remoteAddress: null,
      details: { version: 4, profile: 'production' },
      macKeyId: 'other',
    };
    for (const [field, value] of Object.entries(changes))
      expect({ field, text: entryText({ ...entry, [field]: value }) }).not.toEqual({ field, text: entryText(entry) });
  });

  it('has a text that tells where one field ends and the next begins', () => {
    const a = make({ resource: { kind: 'secret', id: 'a', name: 'bc' } });
    expect(entryText({ ...a, resourceId: 'ab', resourceName: 'c' })).not.toBe(entryText(a));
    expect(entryText({ ...a, resourceId: null, resourceName: 'null' })).not.toBe(
      entryText({ ...a, resourceId: 'null', resourceName: null }),
    );
  });

  it('has a text that does not depend on the order of its details, but on their types', () => {
    const entry = make();
    expect(entryText({ ...entry, details: { profile: 'production', version: 3 } })).toBe(entryText(entry));
    expect(entryText({ ...entry, details: { profile: 'production', version: '3' } })).not.toBe(entryText(entry));
  });

  it('comes back from its text only, to the letter', () => {
    const text = entryText(make());
    for (const other of [
      '',
      'null',
      '[]',
      '{}',
      text.slice(1),
      `${text} `,
      text.replace(',', ', '),
      text.replace('/1', '/2'),
    ])
      expect(parseEntryText(other)).toBeUndefined();
  });

  it('takes any text that a caller may send, and stays storable and bounded', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\0', 'a\0b', '\ud800', '\\u0000', '\\', 'x'.repeat(9_000)),
    );
    fc.assert(
      fc.property(text, text, fc.dictionary(text, text, { maxKeys: 20 }), (name, accessor, details) => {
        const actor = { ...testContext().actor, accessor };
        const { text } = makeAuditEntry(
          testContext({ actor }),
          { ...event, resource: { kind: 'secret', name }, details },
          now,
          KEY_ID,
        );
        const entry = parseEntryText(text)!;
        expect(text).not.toMatch(/(?<!\\)(\\\\)*\\u0000/);
        expect(text).not.toContain('\n');
        expect(text.length).toBeLessThan(30_000);
        expect(Object.values(entry).every((value) => typeof value !== 'string' || value.isWellFormed())).toBe(true);
      }),
    );
  });

  it('is cut where it would be very long', () => {
    const details = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`fact-${i}`, 'x'.repeat(1_000)]));
    const entry = make({ resource: { kind: 'secret', name: 'x'.repeat(100_000) }, details });
    expect(entry.resourceName).toBe(`${'x'.repeat(255)}…`);
    expect(Object.keys(entry.details)).toHaveLength(16);
    expect(entry.details['fact-0']).toHaveLength(256);
  });

  it('leaves ordinary text alone', () => {
    for (const name of ['a\\b', 'naïve/日本/😀', '"quoted"', '\\u0041', 'x'.repeat(2_000)])
      expect(make({ resource: { kind: 'secret', name } }).resourceName).toBe(name);
  });
});
