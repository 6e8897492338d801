import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LabelSet, MetricRegistry, OTHER } from './index.js';

const made = (): MetricRegistry => new MetricRegistry();
const label = { kind: ['a', 'b'] } as const;

describe('MetricRegistry', () => {
  it('tells counters, gauges and histograms as Prometheus reads them', async () => {
    const registry = made();
    registry.counter({ name: 'doors_opened_total', help: 'Doors.', labels: label }).of({ kind: 'a' }).add(2);
    registry.gauge({ name: 'doors_open', help: 'Open doors.' }).of({}).set(0.5);
    const passing = registry.histogram({ name: 'door_seconds', help: 'Passing.', limits: [0.1, 1] }).of({});
    for (const seconds of [0.1, 0.5, 7]) passing.observe(seconds);
    expect(await registry.render()).toBe(
      [
        '# HELP doors_opened_total Doors.',
        '# TYPE doors_opened_total counter',
        'doors_opened_total{kind="a"} 2',
        '# HELP doors_open Open doors.',
        '# TYPE doors_open gauge',
        'doors_open 0.5',
        '# HELP door_seconds Passing.',
        '# TYPE door_seconds histogram',
        'door_seconds_bucket{le="0.1"} 1',
        'door_seconds_bucket{le="1"} 2',
        'door_seconds_bucket{le="+Inf"} 3',
        'door_seconds_sum 7.6',
        'door_seconds_count 3',
        '',
      ].join('\n'),
    );
  });

  it('puts the labels of a histogram before its limits', async () => {
    const registry = made();
    registry
      .histogram({ name: 'door_seconds', help: 'Passing.', limits: [1], labels: label })
      .of({ kind: 'b' })
      .observe(2);
    expect(await registry.render()).toContain(
      'door_seconds_bucket{kind="b",le="+Inf"} 1\ndoor_seconds_sum{kind="b"} 2',
    );
  });

  it('tells what can happen before it has happened', async () => {
    const registry = made();
    registry.counter({ name: 'fires_total', help: 'Fires.' });
    expect(await registry.render()).toContain('\nfires_total 0\n');
  });

  it('counts under one word whatever a label was not declared for, however much of it there is', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (values) => {
        const counter = made().counter({ name: 'doors_opened_total', help: 'Doors.', labels: label });
        for (const kind of values) counter.of({ kind }).add();
        const allowed = new Set(['a', 'b', OTHER].map((value) => `doors_opened_total{kind="${value}"}`));
        const lines = counter.render().trimEnd().split('\n').slice(2);
        expect(lines.every((line) => allowed.has(line.slice(0, line.lastIndexOf(' '))))).toBe(true);
      }),
    );
  });

  it('knows a value from when it is declared on', () => {
    const kinds = new LabelSet();
    const counter = made().counter({ name: 'doors_opened_total', help: 'Doors.', labels: { kind: kinds } });
    counter.of({ kind: 'late' }).add();
    kinds.declare('late');
    counter.of({ kind: 'late' }).add(3);
    expect(counter.render()).toMatch(/kind="other"} 1\n.*kind="late"} 3\n$/);
  });

  it('asks for what is up to date before it tells, and not after that has ended', async () => {
    const registry = made();
    const gauge = registry.gauge({ name: 'doors_open', help: 'Open doors.' });
    let open = 1;
    const end = registry.beforeTelling(() => gauge.of({}).set(open));
    expect(await registry.render()).toContain('doors_open 1');
    open = 2;
    end();
    expect(await registry.render()).toContain('doors_open 1');
  });

  it('refuses two metrics of one name, names and help that cannot be told, and values that are no words', () => {
    const registry = made();
    registry.gauge({ name: 'doors_open', help: 'Open doors.' });
    expect(() => registry.gauge({ name: 'doors_open', help: 'Open doors.' })).toThrow(/twice/);
    expect(() => registry.gauge({ name: 'Doors', help: 'Doors.' })).toThrow(/no name/);
    expect(() => registry.gauge({ name: 'doors', help: 'Doors\nand.' })).toThrow(/one sentence/);
    expect(() => registry.counter({ name: 'doors', help: 'Doors.' })).toThrow(/_total/);
    expect(() => new LabelSet(['a"b'])).toThrow(/short word/);
    expect(() => new LabelSet(Array.from({ length: 1_001 }, (_, i) => `v${i}`))).toThrow(/at most/);
  });
});
