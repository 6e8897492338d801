import type { CapabilityMask, Operation } from './capability.js';
import type { ListFilter } from './list-filter.js';
import type { ParameterConditions } from './parameter-conditions.js';
import type { PathTemplate } from './path-template.js';

/** A policy document that was understood; names and places are gone, meaning is left. Immutable. */
export type ParsedPolicy = { readonly stanzas: readonly PolicyStanza[] };

/** What a policy says about one path pattern. The same pattern may occur again; stanzas of one pattern are merged. */
export type PolicyStanza = {
  /** As written. */
  readonly pattern: string;
  readonly template: PathTemplate;
  /** Never `deny` together with anything else. */
  readonly mask: CapabilityMask;
  readonly conditions: ParameterConditions;
  /** Answers must be wrapped for at least (at most) so long; 0 asks for nothing. */
  readonly minWrappingTtlSeconds: number;
  readonly maxWrappingTtlSeconds: number;
  /** Most entries in one page of a list; 0 is no limit. */
  readonly paginationLimit: number;
  readonly listFilters: readonly ListFilter[];
  /** Operations that a control group holds back until they are approved. */
  readonly controlled: readonly Operation[];
  /** The stanza says nothing any more after this moment. */
  readonly expiresAt?: Date;
};

/** A policy under the name that tokens refer to it by. */
export type NamedPolicy = { readonly name: string; readonly policy: ParsedPolicy };
