import { timingSafeEqual } from 'node:crypto';
import type { RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Injectable } from '@nestjs/common';
import type { GateBinding } from './change-gate.js';
import type { ExecutingChange } from './executing-change.js';

/** What an approval binds besides the change itself. */
export type BoundWorld = { readonly gate: GateBinding; readonly subject: unknown };

/** Keyed digests of exact changes, so that what is approved is what is executed. */
@Injectable()
export class ChangeDigests {
  constructor(private readonly keyring: Keyring) {}

  /**
   * The digest of kind, secret, base, parameters, payload, requester and the world that they are about. Keyed, so that it
   * tells nothing about the payload and nobody with the database alone makes one; its key id stands before the colon.
   */
  of(ctx: RequestContext, kind: string, change: ExecutingChange, world: BoundWorld, keyId?: string): string {
    const mac = this.keyring.mac(ctx.storeId, 'audit', keyId);
    const payload = change.payload
      ? mac.hmac(`change-payload\0${change.payload.reveal()}`).toString('base64url')
      : null;
    const { payload: _, attempt: _attempt, isResumed: _isResumed, wasHeld: _wasHeld, ...what } = change;
    const bound = { kind, what, payload, world };
    return `${mac.keyId}:${mac.hmac(`change-digest\0${canonicalText(bound)}`).toString('base64url')}`;
  }

  /** Whether the digest is the one that was approved. */
  matches(ctx: RequestContext, kind: string, change: ExecutingChange, world: BoundWorld, approved: string): boolean {
    return isEqual(this.of(ctx, kind, change, world, keyIdOf(approved)), approved);
  }

  /** The digest of a world alone, whatever is asked for in it. Keyed in the same way. */
  ofWorld(ctx: RequestContext, world: unknown, keyId?: string): string {
    const mac = this.keyring.mac(ctx.storeId, 'audit', keyId);
    return `${mac.keyId}:${mac.hmac(`change-world\0${canonicalText(world)}`).toString('base64url')}`;
  }

  /** Whether the digest is that of this world. */
  matchesWorld(ctx: RequestContext, world: unknown, seen: string): boolean {
    return isEqual(this.ofWorld(ctx, world, keyIdOf(seen)), seen);
  }
}

const keyIdOf = (digest: string): string => digest.slice(0, digest.indexOf(':'));

function isEqual(one: string, other: string): boolean {
  const [now, then] = [Buffer.from(one), Buffer.from(other)];
  return now.length === then.length && timingSafeEqual(now, then);
}

/** JSON with the keys of objects in order, however they were read or stored; what is undefined is not there. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) =>
    held !== null && typeof held === 'object' && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)))
      : held,
  );
}
