import { describe, expect, it } from '@jest/globals';
import { conditionProblems } from '@claviger/features/rules';
import { complianceSettings } from './compliance-profile.schema.js';
import { factsIn } from './compiled-rules.js';
import { FACT_KINDS, FACT_VALUES } from './facts/fact-catalogue.js';
import { PACKS } from './packs/index.js';

const own = (more: object = {}): object => ({
  id: 'no-team',
  title: 'It has a team',
  severity: 'medium',
  mode: 'warn',
  brokenWhen: { all: [{ fact: 'labels', operator: 'equal', value: null, path: '$.team' }] },
  remediation: 'Set the label team.',
  ...more,
});
const leaf = (fact: string, operator: string, value: unknown): object => ({ all: [{ fact, operator, value }] });

describe('the rules of a compliance profile', () => {
  it('are kept whole, those of packs with where they are from', () => {
    const { rules } = complianceSettings.parse({
      rules: [own(), { pack: 'passwords', rule: 'password-short', mode: 'block', severity: 'critical' }],
    });
    expect(rules).toMatchObject([
      { id: 'no-team', types: null, from: null },
      { id: 'password-short', mode: 'block', severity: 'critical', from: 'passwords/password-short' },
    ]);
    expect(rules[1]!.brokenWhen).toEqual(PACKS[0]!.rules[0]!.brokenWhen);
  });

  it('are all of a pack that is named alone', () => {
    const { rules } = complianceSettings.parse({ rules: [{ pack: 'keys', mode: 'observe' }] });
    expect(rules.map(({ id }) => id)).toEqual(PACKS.find(({ name }) => name === 'keys')!.rules.map(({ id }) => id));
    expect(new Set(rules.map(({ mode }) => mode))).toEqual(new Set(['observe']));
  });

  it.each([
    ['an unknown fact', own({ brokenWhen: leaf('colour', 'equal', 'red') }), 'rules.0.brokenWhen.all.0.fact'],
    ['an unknown operator', own({ brokenWhen: leaf('type', 'matches', 'x') }), 'rules.0.brokenWhen.all.0.operator'],
    [
      'a value of another type',
      own({ brokenWhen: leaf('keyBits', 'lessThan', '1') }),
      'rules.0.brokenWhen.all.0.value',
    ],
    [
      'a class that there is not',
      own({ brokenWhen: leaf('strength', 'in', ['low', 'weak']) }),
      'rules.0.brokenWhen.all.0.value',
    ],
    ['a type that there is not', own({ brokenWhen: leaf('type', 'equal', 'jtw') }), 'rules.0.brokenWhen.all.0.value'],
    ['an unknown severity', own({ severity: 'huge' }), 'rules.0.severity'],
    ['an unknown type of secrets', own({ types: ['letter'] }), 'rules.0.types.0'],
    ['a field that is not known', own({ colour: 'red' }), 'rules.0'],
    ['no object', 7, 'rules.0'],
    ['an unknown pack', { pack: 'nothing' }, 'rules.0.pack'],
    ['an unknown rule of a pack', { pack: 'keys', rule: 'nothing' }, 'rules.0.rule'],
    [
      'to block by what no change decides',
      own({ mode: 'block', brokenWhen: leaf('ageDays', 'equal', 1) }),
      'rules.0.mode',
    ],
    ['to block by such a rule of a pack', { pack: 'lifecycle', rule: 'old-content', mode: 'block' }, 'rules.0.mode'],
  ])('are refused for %s, with the place', (_, rule, place) => {
    const { error } = complianceSettings.safeParse({ rules: [rule] });
    expect(error?.issues[0]?.path.join('.')).toBe(place);
  });

  it('have ids of their own', () => {
    const { error } = complianceSettings.safeParse({ rules: [own(), own()] });
    expect(error?.issues[0]).toMatchObject({ path: ['rules', 1] });
  });
});

describe('the packs', () => {
  const all = PACKS.flatMap(({ rules }) => rules);

  it('have at least 25 rules, each with an id of its own and words', () => {
    expect(all.length).toBeGreaterThanOrEqual(25);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const { title, remediation } of all) {
      expect(title).toMatch(/^[A-Z].{5,}[^.]$/);
      expect(remediation).toMatch(/^[A-Z].{5,}\.$/);
    }
  });

  it.each(all.map((rule) => [rule.id, rule] as const))('can be judged by: %s', (_, rule) => {
    expect(conditionProblems(rule.brokenWhen, FACT_KINDS, FACT_VALUES)).toEqual([]);
    expect(factsIn(rule.brokenWhen).length).toBeGreaterThan(0);
  });

  it('can be taken whole, all at once', () => {
    const { rules } = complianceSettings.parse({ rules: PACKS.map(({ name }) => ({ pack: name })) });
    expect(rules).toHaveLength(all.length);
  });
});
