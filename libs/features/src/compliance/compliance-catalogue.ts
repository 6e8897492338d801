import { Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import type { RequestContext } from '@claviger/kernel';
import type { Fact } from './facts/fact.js';
import { FACTS } from './facts/fact-catalogue.js';
import { PACKS, type Pack } from './packs/index.js';

/** A fact as it is shown. */
export type FactView = {
  readonly name: string;
  readonly kind: Fact['kind'];
  readonly description: string;
  /** Values that it can have, where they are few. */
  readonly values: readonly string[] | null;
  readonly knownAt: Fact['knownAt'];
};

/** What rules can be made of. */
@Injectable()
export class ComplianceCatalogue {
  constructor(private readonly access: AccessService) {}

  /** @throws AppError ACCESS_DENIED */
  listPacks(ctx: RequestContext): readonly Pack[] {
    this.access.authorize(ctx, 'claviger/compliance/packs', 'read');
    return PACKS;
  }

  /** @throws AppError ACCESS_DENIED */
  listFacts(ctx: RequestContext): FactView[] {
    this.access.authorize(ctx, 'claviger/compliance/facts', 'read');
    return Object.entries(FACTS).map(([name, { kind, description, values, knownAt }]) => ({
      name,
      kind,
      description,
      values: values ?? null,
      knownAt,
    }));
  }
}
