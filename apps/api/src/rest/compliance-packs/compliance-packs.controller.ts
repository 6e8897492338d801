import { Controller } from '@nestjs/common';
import { FACTS, PACKS, type Pack } from '@claviger/features/compliance';
import { z } from 'zod';
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
  needs: 'token',
  response: z.object({ items: z.array(packView) }),
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
  needs: 'token',
  response: z.object({ items: z.array(factView) }),
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

type FactView = z.infer<typeof factView>;

@Controller('api/v1')
export class CompliancePacksController {
  @Endpoint(packs)
  packs(): { readonly items: readonly Pack[] } {
    return { items: PACKS };
  }

  @Endpoint(facts)
  facts(): { readonly items: readonly FactView[] } {
    const items = Object.entries(FACTS).map(([name, { kind, description, values, knownAt }]) => ({
      name,
      kind,
      description,
      values: values ? [...values] : null,
      knownAt,
    }));
    return { items };
  }
}
