import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { METRICS } from '@claviger/platform/metrics';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { z } from 'zod';
import { WorkerModule } from '../../worker/src/index.js';
import { ApiModule } from './api.module.js';
import { startApi } from './start-api.js';

/** Importing the parts of the program defines every metric of every process. */
const PARTS = [ApiModule, WorkerModule, startApi];

const duration = z.string().regex(/^\d+(s|m|h|d)$/);
const alerts = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Claviger[A-Z][A-Za-z]+$/),
          expr: z.string(),
          for: duration.optional(),
          labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.strictObject({ summary: z.string().regex(/\.$/), description: z.string().regex(/\.$/) }),
        }),
      ),
    }),
  ),
});

type Panel = { readonly title: string; readonly targets?: readonly { readonly expr: string }[] };

const rules = () => alerts.parse(parse(readFileSync('deploy/prometheus/alerts.yml', 'utf8'))).groups[0]!.rules;
const dashboard = () => JSON.parse(readFileSync('deploy/grafana/claviger.json', 'utf8')) as { panels: Panel[] };

/** Every name that a metric is told under, and the labels that it may have there. */
function toldNames(): Map<string, ReadonlyMap<string, readonly string[]>> {
  const told = new Map<string, ReadonlyMap<string, readonly string[]>>([['up', new Map()]]);
  for (const family of METRICS.families()) {
    const labels = family.declarations();
    if (family.type !== 'histogram') told.set(family.name, labels);
    else
      for (const part of ['bucket', 'sum', 'count'])
        told.set(`${family.name}_${part}`, new Map([...labels, ['le', []]]));
  }
  return told;
}

/** What Prometheus itself adds. */
const ADDED = ['job', 'instance'];

/** Parses with Prometheus' own grammar, and names what it asks for that is never told. */
function contradictions(expr: string): string[] {
  const found: string[] = [];
  const told = toldNames();
  const text = expr.replaceAll('$__rate_interval', '5m');
  const tree = parser.parse(text);
  let labels: ReadonlyMap<string, readonly string[]> | undefined;
  tree.iterate({
    enter(node) {
      const word = text.slice(node.from, node.to);
      if (node.type.isError) found.push(`no PromQL near ${word || node.from}`);
      if (node.name === 'Identifier') {
        labels = told.get(word);
        if (!labels) found.push(`no metric ${word}`);
      }
      if (node.name === 'UnquotedLabelMatcher') {
        const [, name = '', operator, value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(word) ?? [];
        if (ADDED.includes(name)) return;
        const values = labels?.get(name);
        if (!values) found.push(`no label ${name}`);
        else if (operator === '=' && values.length > 0 && !values.includes(value)) found.push(`no ${name} ${value}`);
        else if (operator === '=~' && value.includes('|'))
          for (const one of value.split('|')) if (!values.includes(one)) found.push(`no ${name} ${one}`);
      }
    },
  });
  return found;
}

describe('the files for Prometheus and Grafana', () => {
  it('know every metric', () => {
    expect(PARTS.every((part) => typeof part === 'function')).toBe(true);
    expect(METRICS.families().length).toBeGreaterThan(25);
  });

  it.each(rules().map(({ alert, expr }) => [alert, expr]))('%s asks for what is told', (_, expr) => {
    expect(contradictions(expr)).toEqual([]);
  });

  it('has no two alerts of one name, and says what to do about each', () => {
    const names = rules().map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    const guide = readFileSync('docs/production.md', 'utf8');
    expect(names.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
  });

  it('draws what is told, all of it, each panel of a title of its own', () => {
    const { panels } = dashboard();
    const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(exprs.flatMap(contradictions)).toEqual([]);
    const drawn = exprs.join(' ');
    const left = METRICS.families().filter(
      ({ name }) => !drawn.includes(name) && name !== 'process_start_time_seconds',
    );
    expect(left.map(({ name }) => name)).toEqual([]);
    const titles = panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('finds what is not told', () => {
    expect(contradictions('rate(claviger_nothing_total[5m]')).toEqual([
      'no metric claviger_nothing_total',
      expect.stringMatching(/^no PromQL/),
    ]);
    expect(contradictions('claviger_targets{status="lost"}')).toEqual(['no status lost']);
    expect(contradictions('claviger_targets{secret="a"}')).toEqual(['no label secret']);
  });
});
