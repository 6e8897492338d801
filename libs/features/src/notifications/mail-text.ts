import type { OutboxEvent } from './delivery.repository.js';

/** Where the subject of an event is found, by the noun of its type. */
const RESOURCES: Readonly<Record<string, string>> = {
  secret: 'secrets',
  approval: 'approvals',
  change: 'changes',
  report: 'reports',
};

/**
 * Subject and text of a mail: type, name and id of the subject, time, and a link where the address of this installation is
 * known. None of the facts: mail goes through servers of others, and facts may hold what somebody wrote.
 */
export function mailText(
  { type, subjectId, occurredAt }: Pick<OutboxEvent, 'type' | 'subjectId' | 'occurredAt'>,
  name: string | undefined,
  publicUrl: string | undefined,
): { readonly subject: string; readonly text: string } {
  const shown = name?.replaceAll(/\p{C}/gu, ' ');
  const resource = RESOURCES[type.split('.')[0]!];
  const lines = [
    `Event: ${type}`,
    ...(shown === undefined ? [] : [`Name: ${shown}`]),
    ...(subjectId === null ? [] : [`Id: ${subjectId}`]),
    `Time: ${occurredAt.toISOString()}`,
    ...(publicUrl === undefined || resource === undefined || subjectId === null
      ? []
      : ['', `${publicUrl.replace(/\/+$/, '')}/api/v1/${resource}/${subjectId}`]),
  ];
  return { subject: `[Claviger] ${type}${shown === undefined ? '' : `: ${shown}`}`, text: `${lines.join('\n')}\n` };
}
