import { Controller } from '@nestjs/common';
import { accessErrors } from '@claviger/features/access';
import { ComplianceCatalogue, type FactView, type Pack } from '@claviger/features/compliance';
import type { RequestContext } from '@claviger/kernel';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint } from '../../http/endpoint.js';
import { ruleExample, ruleView } from '../compliance-profiles/compliance-profiles.dto.js';

const packView = z
  .object({ name: z.string(), title: z.string(), description: z.string(), rules: z.array(ruleView) })
  .meta({ id: 'CompliancePack' });

const factView = z
  .object({
    name: z.string(),
    kind: z.enum(['text', 'number', 'boolean', 'list', 'map']),
    description: z.string(),
    values: z.array(z.string()).nullable().meta({ description: 'Values that it can have, where they are few.' }),
    knownAt: z.enum(['change', 'past', 'now']).meta({
      description: '`change`: rules about it may block; `past`: it can be replayed; `now`: neither.',
    }),
  })
  .meta({ id: 'ComplianceFact' });

const packs = defineEndpoint({
  method: 'GET',
  path: 'compliance-packs',
  summary: 'List the packs of ready rules',
  needs: 'read claviger/compliance/packs',
  response: z.object({ items: z.array(packView) }),
  problems: [accessErrors.accessDenied('claviger/compliance/packs', 'read')],
  example: {
    response: {
      items: [
        {
          name: 'passwords',
          title: 'Passwords and API keys',
          description: 'Judged by classes of length and strength, never by a value.',
          rules: [ruleExample],
        },
      ],
    },
  },
});

const facts = defineEndpoint({
  method: 'GET',
  path: 'compliance-facts',
  summary: 'List the facts that rules can speak of',
  needs: 'read claviger/compliance/facts',
  response: z.object({ items: z.array(factView) }),
  problems: [accessErrors.accessDenied('claviger/compliance/facts', 'read')],
  example: {
    response: {
      items: [
        {
          name: 'ageDays',
          kind: 'number',
          description: 'Whole days since it was created.',
          values: null,
          knownAt: 'past',
        },
      ],
    },
  },
});

@Controller('api/v1')
export class CompliancePacksController {
  constructor(private readonly catalogue: ComplianceCatalogue) {}

  @Endpoint(packs)
  packs(@Context() ctx: RequestContext): { readonly items: readonly Pack[] } {
    return { items: this.catalogue.listPacks(ctx) };
  }

  @Endpoint(facts)
  facts(@Context() ctx: RequestContext): { readonly items: readonly FactView[] } {
    return { items: this.catalogue.listFacts(ctx) };
  }
}
