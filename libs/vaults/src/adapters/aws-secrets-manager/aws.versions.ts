import type { BackendVersionInfo } from '@claviger/vaults/contract';
import type { SecretVersionsListEntry } from '@aws-sdk/client-secrets-manager';

/** The label of the version that is in force; moving it is what makes a version the current one. */
export const CURRENT = 'AWSCURRENT';
/** The label of the version before it. */
export const PREVIOUS = 'AWSPREVIOUS';
const PENDING = 'AWSPENDING';

/**
 * The versions of a secret, the current one last. Ids have no order, so that the rest goes by time of creation, and for
 * equal times by label. A version that a rotation is still preparing is none yet. Versions without a label are listed
 * as long as AWS keeps them.
 */
export function orderVersions(entries: readonly SecretVersionsListEntry[]): readonly BackendVersionInfo[] {
  return entries
    .filter(
      ({ VersionId, VersionStages: labels = [] }) => VersionId && (!labels.includes(PENDING) || isCurrent(labels)),
    )
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => rank(a.entry) - rank(b.entry) || timeOf(a.entry) - timeOf(b.entry) || a.index - b.index)
    .map(({ entry }) => ({ version: entry.VersionId!, state: 'live', createdAt: entry.CreatedDate }));
}

/** The id of the version that is in force. */
export function currentOf(labels: Readonly<Record<string, readonly string[]>> = {}): string | undefined {
  return Object.keys(labels).find((id) => isCurrent(labels[id]!));
}

/** Whether a text can be the id of a version at all: AWS takes 32 to 64 characters. */
export function isVersionId(text: string): boolean {
  return /^[\x21-\x7e]{32,64}$/.test(text);
}

const isCurrent = (labels: readonly string[]): boolean => labels.includes(CURRENT);

/** Only the current version has its place whatever its time: its label may have been moved back to an old one. */
function rank({ VersionStages: labels = [] }: SecretVersionsListEntry): number {
  return isCurrent(labels) ? 1 : 0;
}

/**
 * Times are of whole milliseconds at best; the version before the current one comes after all that were made with it.
 */
function timeOf({ CreatedDate: at, VersionStages: labels = [] }: SecretVersionsListEntry): number {
  return (at?.getTime() ?? 0) + (labels.includes(PREVIOUS) ? 0.5 : 0);
}
