import type { BackendVersionInfo, ObjectDescription, VersionState } from '@claviger/vaults/contract';
import { z } from 'zod';
import type { KvAnswer } from './kv.wire.js';

const versionSchema = z.object({ created_time: z.string(), deletion_time: z.string(), destroyed: z.boolean() });

export const metadataSchema = z.object({
  data: z.object({
    current_version: z.number().int().nonnegative(),
    created_time: z.string(),
    custom_metadata: z.record(z.string(), z.string()).nullable(),
    versions: z.record(z.string(), versionSchema),
    /** OpenBao only. */
    current_metadata_version: z.number().int().optional(),
  }),
});

export type Kv2Metadata = z.infer<typeof metadataSchema>['data'];
type Kv2Version = z.infer<typeof versionSchema>;

/** @param nowMs the server's time, {@link serverTime}: a deletion time in the future hides nothing yet */
export function describeMetadata(metadata: Kv2Metadata, nowMs: number): ObjectDescription {
  return {
    currentVersion: metadata.current_version === 0 ? undefined : String(metadata.current_version),
    versions: Object.entries(metadata.versions)
      .map(([version, one]) => describeVersion(version, one, nowMs))
      .sort((a, b) => Number(a.version) - Number(b.version)),
    metadata: metadata.custom_metadata ?? {},
  };
}

function describeVersion(version: string, one: Kv2Version, nowMs: number): BackendVersionInfo {
  const created = new Date(one.created_time);
  return {
    version,
    state: versionState(one, nowMs),
    createdAt: Number.isNaN(created.getTime()) ? undefined : created,
  };
}

export function versionState(one: Pick<Kv2Version, 'deletion_time' | 'destroyed'>, nowMs: number): VersionState {
  if (one.destroyed) return 'destroyed';
  return one.deletion_time !== '' && Date.parse(one.deletion_time) <= nowMs ? 'deleted' : 'live';
}

/** The server's time when it answered, from its Date header: whole seconds, so that the end of that second is meant. */
export function serverTime(answer: KvAnswer, fallbackMs: number): number {
  const header = answer.headers.date;
  const parsed = typeof header === 'string' ? Date.parse(header) : NaN;
  return Number.isNaN(parsed) ? fallbackMs : parsed + 999;
}

/** True when an object was made by `create` and not finished: exactly this metadata, and no content ever. */
export function isUnfinished(found: Kv2Metadata, metadata: Readonly<Record<string, string>>): boolean {
  return found.current_version === 0 && sameMetadata(found.custom_metadata ?? {}, metadata);
}

/**
 * True when our metadata stands on an object that another writer had created between our look and our write: its content
 * came into being with the object, while ours always comes after the metadata.
 */
export function isStrayMark(found: Kv2Metadata, metadata: Readonly<Record<string, string>>): boolean {
  return (
    sameMetadata(found.custom_metadata ?? {}, metadata) && found.versions['1']?.created_time === found.created_time
  );
}

function sameMetadata(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}
