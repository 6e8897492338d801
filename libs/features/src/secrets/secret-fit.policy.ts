import { isAppError } from '@claviger/kernel';
import { renderName, type NamedSecret } from '@claviger/features/vault-profiles';
import {
  assertPathName,
  findInexactNumber,
  isNameAllowed,
  joinPhysicalName,
  type JsonObject,
  type VaultCapabilities,
} from '@claviger/vaults/contract';
import { contentTooLarge, nameUnfit, numberInexact } from './secret.errors.js';

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
  if (size > limit) throw contentTooLarge(profile, size, limit);
  const pointer = capabilities.exactNumbers ? undefined : findInexactNumber(content.parsed);
  if (pointer !== undefined) throw numberInexact(profile, pointer);
}

/** @throws AppError NAME_UNFIT naming the profile and its rule */
export function assertNameFits({ profile, physicalName, capabilities }: Destination): void {
  if (isNameAllowed(capabilities.name, physicalName)) return;
  throw nameUnfit(profile, physicalName, capabilities.name.description);
}

/**
 * The name that a secret has in the vault of a profile: below its prefix, made by its template.
 * @throws AppError NAME_INVALID for a name that is none anywhere; NAME_UNFIT, naming the profile, for what becomes of it there
 */
export function physicalNameAt(profile: Naming, named: NamedSecret): string {
  assertPathName(named.name, 'The name');
  const rendered = renderName(profile.nameTemplate, named);
  try {
    return joinPhysicalName(profile.prefix, rendered);
  } catch (error) {
    if (isAppError(error)) throw nameUnfit(profile.name, rendered, error.message.replace(/\.$/, ''));
    throw error;
  }
}

type Naming = { readonly name: string; readonly prefix: string; readonly nameTemplate: string };
