import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { testContext } from '@claviger/testing';
import fc from 'fast-check';
import { auditDigest, makeAuditEntry, type AuditEntryFields } from './audit-entry.js';
import type { AuditEvent } from './audit-event.js';

const mac = {
  keyId: '0123456789abcdef',
  hmac: (data: Buffer | string) => createHmac('sha256', 'key').update(data).digest(),
};
const now = new Date('2026-02-28T23:59:59.999Z');
const event: AuditEvent = {
  action: 'secret.read',
  outcome: 'allowed',
  resource: { kind: 'secret', id: 'id', name: 'team/password' },
  details: { version: 3, profile: 'production' },
};
const make = (changed: Partial<AuditEvent> = {}, ctx = testContext()) =>
  makeAuditEntry(ctx, { ...event, ...changed }, { now, mac });

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
      macKeyId: mac.keyId,
    });
  });

  it('has a digest that changes with every field', () => {
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
      expect({ field, digest: auditDigest({ ...entry, [field]: value }) }).not.toEqual({ field, digest: entry.digest });
  });

  it('has a digest that tells where one field ends and the next begins', () => {
    const a = make({ resource: { kind: 'secret', id: 'a', name: 'bc' } });
    expect(auditDigest({ ...a, resourceId: 'ab', resourceName: 'c' })).not.toBe(a.digest);
    expect(auditDigest({ ...a, resourceId: null, resourceName: 'null' })).not.toBe(
      auditDigest({ ...a, resourceId: 'null', resourceName: null }),
    );
  });

  it('has a digest that does not depend on the order of its details, but on their types', () => {
    const entry = make();
    expect(auditDigest({ ...entry, details: { profile: 'production', version: 3 } })).toBe(entry.digest);
    expect(auditDigest({ ...entry, details: { profile: 'production', version: '3' } })).not.toBe(entry.digest);
  });

  it('has a MAC under the key that it names', () => {
    const entry = make();
    expect(entry.mac).toBe(createHmac('sha256', 'key').update(entry.digest).digest('hex'));
  });

  it('takes any text that a caller may send, and stays storable and bounded', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\0', 'a\0b', '\ud800', '\\u0000', '\\', 'x'.repeat(9_000)),
    );
    fc.assert(
      fc.property(text, text, fc.dictionary(text, text, { maxKeys: 20 }), (name, accessor, details) => {
        const actor = { ...testContext().actor, accessor };
        const entry = make({ resource: { kind: 'secret', name }, details }, testContext({ actor }));
        const stored = JSON.stringify(entry);
        expect(stored).not.toMatch(/(?<!\\)(\\\\)*\\u0000/);
        expect(Object.values(entry).every((value) => typeof value !== 'string' || value.isWellFormed())).toBe(true);
        expect(stored.length).toBeLessThan(30_000);
        expect(auditDigest(entry)).toBe(entry.digest);
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
