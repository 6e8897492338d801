import { CONDITION_WORDS, conditionProblems, showKeys, type Condition } from '@claviger/features/rules';
import { SECRET_TYPES } from '@claviger/features/secrets';
import { labels } from '@claviger/features/vault-profiles';
import { z } from 'zod';
import { factsIn } from './compiled-rules.js';
import { FACT_KINDS, FACT_VALUES, FACTS } from './facts/fact-catalogue.js';
import { findPack, findPackRule } from './packs/index.js';
import { MODES, SEVERITIES, type Rule } from './rule.js';

const MAX_RULES = 100;
const MAX_ASSIGNMENTS = 64;
/** Longest condition, as JSON. */
const MAX_CONDITION_BYTES = 16_384;

export const slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", the first a letter or digit');

const severity = z.enum(SEVERITIES);
const mode = z.enum(MODES).meta({
  description: '`observe` keeps what it finds, `warn` also tells of it, `block` also refuses changes that break it.',
});

/** The parts of a JSON pointer; positions in lists as numbers. */
const placeOf = (pointer: string): (string | number)[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));

const brokenWhen = z
  .record(z.string(), z.unknown())
  .meta({ override: { type: 'object', additionalProperties: true, 'x-maxBytes': MAX_CONDITION_BYTES } })
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_CONDITION_BYTES, {
    message: `must be at most ${MAX_CONDITION_BYTES} bytes as JSON`,
    abort: true,
  })
  .superRefine((value, ctx) => {
    for (const { pointer, message } of conditionProblems(value, FACT_KINDS, FACT_VALUES).slice(0, 10))
      ctx.addIssue({ code: 'custom', path: placeOf(pointer), message });
  })
  .transform((value) => value as Condition);

const ownRule = z.strictObject({
  id: slug.meta({ description: 'Names the rule within the profile.', example: 'no-team' }),
  title: z.string().trim().min(1).max(200).meta({ description: 'What is so where the rule is kept.' }),
  severity,
  mode,
  types: z
    .array(z.enum(SECRET_TYPES))
    .min(1)
    .max(SECRET_TYPES.length)
    .nullable()
    .default(null)
    .meta({ description: 'Types of secrets that it is about; null for all.' }),
  brokenWhen: brokenWhen.meta({
    description:
      'A condition of json-rules-engine over the facts of a secret, which holds for one that breaks the rule.',
  }),
  remediation: z.string().trim().min(1).max(1_000).meta({ description: 'What to do about it.' }),
});

const packRule = z.strictObject({
  pack: slug.meta({ description: 'Name of a pack.', example: 'passwords' }),
  rule: slug.optional().meta({ description: 'One rule of it; all when it is left out.', example: 'password-short' }),
  severity: severity.optional(),
  mode: mode.optional(),
});

/** The one or the other by whether it names a pack, so that whatever is wrong is told of the right one. */
const parseRule = (value: unknown): z.ZodSafeParseResult<Given> => {
  const isOfPack = typeof value === 'object' && value !== null && Object.hasOwn(value, 'pack');
  return (isOfPack ? packRule : ownRule).safeParse(value);
};

const anyRule = showKeys(
  z
    .unknown()
    .superRefine((value, ctx) => {
      for (const issue of parseRule(value).error?.issues ?? []) {
        const message = issue.code === 'unrecognized_keys' ? 'has a field that is not known' : issue.message;
        ctx.addIssue({ code: 'custom', path: issue.path as (string | number)[], message });
      }
    })
    .meta({
      override: ({ jsonSchema }: { readonly jsonSchema: object }) => {
        Object.assign(jsonSchema, describedAs(z.union([packRule, ownRule])));
      },
    }),
  [...CONDITION_WORDS, ...Object.keys(ownRule.shape), ...Object.keys(packRule.shape)],
);

/** The JSON schema of what goes in. */
function describedAs(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...described } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      const { override, ...rest } = jsonSchema as Record<string, unknown>;
      if (override === undefined) return;
      for (const key of Object.keys(jsonSchema)) delete (jsonSchema as Record<string, unknown>)[key];
      Object.assign(jsonSchema, { description: rest['description'] }, override);
    },
  });
  return described;
}

/** Rules as they are asked for; whatever is wrong is refused with its place. */
const askedRules = z
  .array(anyRule)
  .max(MAX_RULES)
  .superRefine(
    (given, ctx) => void resolveAll(given, (path, message) => ctx.addIssue({ code: 'custom', path, message })),
  );

/** The same as they are in force. */
const rules = askedRules.transform((given): Rule[] => resolveAll(given, () => undefined));

type Given = z.output<typeof packRule> | z.output<typeof ownRule>;
type Refuse = (path: (string | number)[], message: string) => void;

function resolveAll(given: readonly unknown[], refuse: Refuse): Rule[] {
  const resolved = given.flatMap((value, index) => {
    const { data } = parseRule(value);
    return data ? resolve(data, index, refuse) : [];
  });
  const ids = new Set<string>();
  for (const { rule, index } of resolved) {
    if (ids.has(rule.id)) refuse([index], `is the second rule with the id ${rule.id}`);
    ids.add(rule.id);
    refuseUndecidable(rule, index, refuse);
  }
  if (resolved.length > MAX_RULES) refuse([], `must be at most ${MAX_RULES} rules, those of packs counted`);
  return resolved.map(({ rule }) => rule);
}

function resolve(given: Given, index: number, refuse: Refuse): { rule: Rule; index: number }[] {
  if (!('pack' in given)) return [{ rule: { ...given, from: null }, index }];
  const { pack, rule: id, severity: otherSeverity, mode: otherMode } = given;
  const found =
    id === undefined ? findPack(pack)?.rules : [findPackRule(pack, id)].filter((rule) => rule !== undefined);
  if (!found || found.length === 0) {
    refuse([index, findPack(pack) ? 'rule' : 'pack'], 'is not known; GET /compliance-packs lists them');
    return [];
  }
  return found.map((rule) => ({
    index,
    rule: {
      ...rule,
      severity: otherSeverity ?? rule.severity,
      mode: otherMode ?? rule.mode,
      from: `${pack}/${rule.id}`,
    },
  }));
}

/** What blocks must be known before anything is written. */
function refuseUndecidable(
  { id, mode: wanted, brokenWhen: condition, from }: Rule,
  index: number,
  refuse: Refuse,
): void {
  if (wanted !== 'block') return;
  const unknown = factsIn(condition).filter((name) => FACTS[name]!.knownAt !== 'change');
  if (unknown.length === 0) return;
  const message =
    `cannot be block${from === null ? '' : ` for ${id}`}: before a change is carried out nobody knows ` +
    `${unknown.join(', ')}; use warn`;
  refuse([index, 'mode'], message);
}

const fields = {
  description: z.string().max(2_000),
  vaultProfiles: z
    .array(z.string().min(1).max(63))
    .max(MAX_ASSIGNMENTS)
    .meta({ description: 'Ids or names of vault profiles whose secrets it judges.', example: ['prod'] }),
  labelSelectors: z
    .array(labels)
    .max(MAX_ASSIGNMENTS)
    .meta({
      description:
        'It also judges secrets that have all labels of one of these; one without labels selects every secret.',
      example: [{ env: 'prod' }],
    }),
};

const shape = {
  description: fields.description.default(''),
  vaultProfiles: fields.vaultProfiles.default([]),
  labelSelectors: fields.labelSelectors.default([]),
};
const RULES = { description: 'Rules of your own, and rules or whole packs that come with Claviger.' };

/** What every version of a compliance profile has. Vault profiles are ids in what is kept. */
export const complianceSettings = z.strictObject({ ...shape, rules });
export type ComplianceSettings = z.output<typeof complianceSettings>;
export type ComplianceSettingsInput = z.input<typeof complianceSettings>;

/** The same as it is asked for: checked, and left as it is. */
export const askedComplianceSettings = z.strictObject({ ...shape, rules: askedRules.meta(RULES) });

/** What may be changed; what is absent stays, and a list replaces the old one. */
export const complianceChanges = z.strictObject({ ...fields, rules }).partial();
export type ComplianceChanges = z.input<typeof complianceChanges>;

/** The same as it is asked for. */
export const askedComplianceChanges = z.strictObject({ ...fields, rules: askedRules.meta(RULES) }).partial();

/** Rules that are to be replayed, and of what. */
export const askedReplayRules = {
  rules: askedRules.meta(RULES).optional(),
  vaultProfiles: fields.vaultProfiles.optional(),
  labelSelectors: fields.labelSelectors.optional(),
};

/** Rules that were checked, as they would be in force. */
export const resolveRules = (asked: readonly unknown[]): Rule[] => resolveAll(asked, () => undefined);
