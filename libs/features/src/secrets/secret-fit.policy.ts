import { AppError } from '@claviger/kernel';
import { findInexactNumber, type JsonObject, type VaultCapabilities } from '@claviger/vaults/contract';

/** A vault that content is to be written to, with what it can hold. */
export type Destination = {
  readonly profile: string;
  readonly physicalName: string;
  readonly capabilities: VaultCapabilities;
  /** The profile's own limit, below the vault's. */
  readonly maxContentBytes?: number;
};

/** Content as text and parsed, so that it is parsed once. */
export type PreparedText = { readonly text: string; readonly parsed: JsonObject };

/**
 * Judges before anything is written whether a vault would take the name and give the content back equal.
 * @throws AppError NAME_UNFIT, CONTENT_TOO_LARGE, NUMBER_INEXACT, each naming the profile and what to change
 */
export function assertFits(destination: Destination, content: PreparedText): void {
  assertNameFits(destination);
  const { profile, capabilities } = destination;
  const limit = Math.min(capabilities.maxContentBytes, destination.maxContentBytes ?? Infinity);
  const size = Buffer.byteLength(content.text);
  if (size > limit)
    throw new AppError({
      code: 'CONTENT_TOO_LARGE',
      kind: 'too_large',
      message: `The content has ${size} bytes as JSON; the profile ${profile} takes at most ${limit}.`,
      details: { profile, size, limit },
    });
  const pointer = capabilities.exactNumbers ? undefined : findInexactNumber(content.parsed);
  if (pointer !== undefined)
    throw new AppError({
      code: 'NUMBER_INEXACT',
      kind: 'invalid',
      message: `The number at ${pointer} would come back changed from the profile ${profile}, whose vault keeps numbers as doubles. Send it as a string.`,
      details: { profile, pointer },
    });
}

/** @throws AppError NAME_UNFIT naming the profile and its rule */
export function assertNameFits({ profile, physicalName, capabilities }: Destination): void {
  const { maxBytes, pattern, description } = capabilities.name;
  if (Buffer.byteLength(physicalName) <= maxBytes && new RegExp(`^(?:${pattern})$`, 'u').test(physicalName)) return;
  throw new AppError({
    code: 'NAME_UNFIT',
    kind: 'invalid',
    message: `The name ${JSON.stringify(physicalName)} does not fit the profile ${profile}: ${description}.`,
    details: { profile, name: physicalName, rule: description },
  });
}
