/**
 * Names the Claviger installations that a request has come through, comma separated, the nearest last. Every request
 * to an outside vault carries it, and the edge refuses a request that carries its own id: an instance whose address
 * leads back to this installation, directly or through others, would otherwise call itself for ever.
 */
export const HOP_HEADER = 'X-Claviger-Hop';

/** The header's value for a request made by `installationId` while serving one that came through `inbound`. */
export function hopValue(installationId: string, inbound: readonly string[] = []): string {
  return [...inbound.filter((id) => id !== installationId), installationId].join(',');
}

/** The installation ids in a header as Node gives it; empty when it is absent. */
export function parseHops(headerValue: string | readonly string[] | undefined): readonly string[] {
  if (headerValue === undefined) return [];
  const lines = typeof headerValue === 'string' ? [headerValue] : headerValue;
  return lines
    .flatMap((line) => line.split(','))
    .map((id) => id.trim())
    .filter((id) => id !== '');
}

/** True when a request that carries this header has already been through the installation: it must be refused. */
export function hopsThrough(headerValue: string | readonly string[] | undefined, installationId: string): boolean {
  return parseHops(headerValue).includes(installationId);
}
