import type { DataVersion } from './data-version.js';

/** What this Claviger is: its version, and the names of all migrations that it knows, oldest first. */
export type ProductVersion = { readonly app: string; readonly schemas: readonly string[] };

/** What must happen before this Claviger may work on existing data. */
export type UpgradeDecision = 'none' | 'back_up_first' | 'refuse_newer';

/**
 * Compares existing data with what this Claviger knows. A schema that is none of its own was made by a newer Claviger.
 * Data of unknown version counts as old: a backup too many does no harm.
 */
export function decideUpgrade(data: DataVersion | undefined, { schemas }: ProductVersion): UpgradeDecision {
  if (!data) return 'back_up_first';
  if (!schemas.includes(data.schema)) return 'refuse_newer';
  return data.schema === schemas.at(-1) ? 'none' : 'back_up_first';
}
