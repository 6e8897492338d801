import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors, AccessService } from '@claviger/features/access';
import { VaultKindRegistry } from '@claviger/features/vault-profiles';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint } from '../../http/endpoint.js';

const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List the kinds of vault',
  description:
    'Each with the JSON Schema of its configuration and credentials, and what it was observed to be able to do.',
  needs: 'list claviger/vault-kinds/',
  response: z.object({
    items: z.array(
      z
        .object({
          kind: z.string(),
          title: z.string(),
          description: z.string(),
          flavours: z.array(z.string()),
          configSchema: z.record(z.string(), z.unknown()),
          credentialsSchema: z.record(z.string(), z.unknown()),
          capabilities: z
            .record(z.string(), z.unknown())
            .meta({ description: 'By flavour, as the conformance run observed it.' }),
        })
        .meta({ id: 'VaultKind' }),
    ),
  }),
  problems: [accessErrors.accessDenied('claviger/vault-kinds/', 'list')],
  example: {
    response: {
      items: [
        {
          kind: 'builtin',
          title: 'Built-in vault',
          description: "Keeps secrets in Claviger's own database, sealed under the keys of their store.",
          flavours: [],
          configSchema: {
            type: 'object',
            properties: { maxVersions: { type: 'integer', minimum: 1, maximum: 1000, default: 10 } },
            additionalProperties: false,
          },
          credentialsSchema: { type: 'object', properties: {}, additionalProperties: false },
          capabilities: { default: { kind: 'builtin', flavour: 'default', capabilities: { versionedReads: true } } },
        },
      ],
    },
  },
});

@Controller('api/v1/vault-kinds')
export class VaultKindsController {
  #cards: ReturnType<typeof readCards> | undefined;

  constructor(
    private readonly kinds: VaultKindRegistry,
    private readonly access: AccessService,
  ) {}

  @Endpoint(list)
  list(@Context() ctx: RequestContext): unknown {
    this.access.authorize(ctx, 'claviger/vault-kinds/', 'list');
    const cards = (this.#cards ??= readCards());
    return {
      items: this.kinds.list().map((kind) => ({
        kind: kind.kind,
        title: kind.title,
        description: kind.description,
        flavours: kind.flavours,
        configSchema: toJsonSchema(kind.configSchema),
        credentialsSchema: toJsonSchema(kind.credentialsSchema),
        capabilities: cards.get(kind.kind) ?? {},
      })),
    };
  }
}

function toJsonSchema(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

/** The committed capability cards, by kind and flavour: what the conformance run observed, not what an adapter claims. */
function readCards(): ReadonlyMap<string, Record<string, unknown>> {
  const directory = findCards(dirname(fileURLToPath(import.meta.url)));
  const cards = new Map<string, Record<string, unknown>>();
  if (!directory) return cards;
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.json'))) {
    const card = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { kind: string; flavour: string };
    cards.set(card.kind, { ...cards.get(card.kind), [card.flavour]: card });
  }
  return cards;
}

function findCards(from: string): string | undefined {
  const here = join(from, 'docs', 'generated', 'vault-kinds');
  if (existsSync(here)) return here;
  const parent = dirname(from);
  return parent === from ? undefined : findCards(parent);
}
