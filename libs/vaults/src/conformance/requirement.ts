import { isNameAllowed, type VaultCapabilities } from '../contract/index.js';

/** A condition on a capability card, with the words that a skipped case is reported with. */
export type Requirement = {
  readonly description: string;
  readonly holds: (card: VaultCapabilities) => boolean;
};

type BooleanCapability = {
  [K in keyof VaultCapabilities]-?: VaultCapabilities[K] extends boolean ? K : never;
}[keyof VaultCapabilities];

/** All of these capabilities. */
export function having(...capabilities: readonly BooleanCapability[]): Requirement {
  return {
    description: `needs ${capabilities.join(' and ')}`,
    holds: (card) => capabilities.every((capability) => card[capability]),
  };
}

/** None of these capabilities. */
export function lacking(...capabilities: readonly BooleanCapability[]): Requirement {
  return {
    description: `only without ${capabilities.join(' and ')}`,
    holds: (card) => !capabilities.some((capability) => card[capability]),
  };
}

/** The backend's naming rule allows these names. */
export function allowingNames(...names: readonly string[]): Requirement {
  return {
    description: `needs names such as ${JSON.stringify(names[0])}`,
    holds: (card) => names.every((name) => isAllowedName(card, name)),
  };
}

/** Contents of this many bytes are allowed. */
export function allowingBytes(bytes: number): Requirement {
  return { description: `needs contents of ${bytes} bytes`, holds: (card) => card.maxContentBytes >= bytes };
}

/** Largest limits that a test fills up; anything bigger is only declared. */
const FILLABLE_BYTES = 4 * 1024 * 1024;
const FILLABLE_VERSIONS = 25;

export const FILLABLE_CONTENT: Requirement = {
  description: `needs a maxContentBytes of at most ${FILLABLE_BYTES}`,
  holds: (card) => card.maxContentBytes <= FILLABLE_BYTES,
};

export const FILLABLE_HISTORY: Requirement = {
  description: `needs a maxVersions of at most ${FILLABLE_VERSIONS}`,
  holds: (card) => card.maxVersions !== undefined && card.maxVersions <= FILLABLE_VERSIONS,
};

/** A version id comes back from writes. */
export const VERSION_IDS: Requirement = {
  description: 'needs versionedReads or compareAndSet',
  holds: (card) => card.versionedReads || card.compareAndSet,
};

export const BULK_READS: Requirement = {
  description: 'needs maxBulkRead',
  holds: (card) => card.maxBulkRead !== undefined,
};

export const SINGLE_READS: Requirement = {
  description: 'only without maxBulkRead',
  holds: (card) => card.maxBulkRead === undefined,
};

/** Every one of the requirements. */
export function both(first: Requirement, second: Requirement): Requirement {
  return {
    description: `${first.description}, ${second.description}`,
    holds: (card) => first.holds(card) && second.holds(card),
  };
}

/** True when the naming rule of the card allows the name (without the folder that the suite puts before it). */
export function isAllowedName(card: VaultCapabilities, name: string): boolean {
  return isNameAllowed(card.name, name);
}
