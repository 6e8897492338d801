import { describe, expect, it } from '@jest/globals';
import type { Operation } from './capability.js';
import { compilePolicies } from './policy-compiler.js';
import type { MatchRequest, PolicyMatcher, Refusal } from './policy-matcher.js';
import { parsePolicy } from './policy-parser.js';

type Stanza = Readonly<Record<string, unknown>>;

type Case = {
  readonly because: string;
  /** What each policy says about the path `a`. */
  readonly stanzas: readonly Stanza[];
  readonly operation: Operation;
  readonly request?: MatchRequest;
  readonly refusal?: Refusal;
};

const NOW = new Date('2026-01-01T00:00:00Z');

function matcherOf(stanzas: readonly Stanza[]): PolicyMatcher {
  const policies = stanzas.map((a, index) => {
    return { name: `policy-${index}`, policy: parsePolicy(JSON.stringify({ path: { a } })) };
  });
  return compilePolicies(policies, { now: NOW });
}

const allowed = (because: string, rest: Omit<Case, 'because' | 'refusal'>): Case => ({ because, ...rest });
const refused = (because: string, refusal: Refusal, rest: Omit<Case, 'because' | 'refusal'>): Case => ({
  because,
  refusal,
  ...rest,
});

const CASES: readonly Case[] = [
  // Expiry
  refused('an expired stanza says nothing', 'no_rule', {
    stanzas: [{ capabilities: ['read'], expiration: '2025-12-31T23:59:59Z' }],
    operation: 'read',
  }),
  allowed('a stanza is valid until its expiration', {
    stanzas: [{ capabilities: ['read'], expiration: NOW.toISOString() }],
    operation: 'read',
  }),
  allowed('an expired deny no longer wipes', {
    stanzas: [{ capabilities: ['deny'], expiration: 1 }, { capabilities: ['read'] }],
    operation: 'read',
  }),

  // Wrapping
  refused('min_wrapping_ttl asks for wrapping', 'wrapping', {
    stanzas: [{ capabilities: ['read'], min_wrapping_ttl: '5s' }],
    operation: 'read',
  }),
  refused('max_wrapping_ttl asks for wrapping, of a delete too', 'wrapping', {
    stanzas: [{ capabilities: ['delete'], max_wrapping_ttl: '5s' }],
    operation: 'delete',
  }),
  ...(
    [
      [4, 'wrapping'],
      [5, undefined],
      [10, undefined],
      [11, 'wrapping'],
    ] as const
  ).map(([wrapTtlSeconds, refusal]): Case => ({
    because: `wrapping for ${wrapTtlSeconds} s is ${refusal ? 'outside' : 'within'} 5 to 10 s`,
    stanzas: [{ capabilities: ['read'], min_wrapping_ttl: 5, max_wrapping_ttl: '10s' }],
    operation: 'read',
    request: { wrapTtlSeconds },
    ...(refusal && { refusal }),
  })),
  allowed('the lower of two min_wrapping_ttl counts', {
    stanzas: [
      { capabilities: ['read'], min_wrapping_ttl: 50 },
      { capabilities: ['read'], min_wrapping_ttl: 5 },
    ],
    operation: 'read',
    request: { wrapTtlSeconds: 6 },
  }),
  refused('the lower of two max_wrapping_ttl counts', 'wrapping', {
    stanzas: [
      { capabilities: ['read'], max_wrapping_ttl: 50 },
      { capabilities: ['read'], max_wrapping_ttl: 5 },
    ],
    operation: 'read',
    request: { wrapTtlSeconds: 6 },
  }),

  // Approval
  refused('a control group holds back the operations that it controls', 'approval', {
    stanzas: [{ capabilities: ['read', 'list'], control_group: controlGroup(['read']) }],
    operation: 'read',
  }),
  allowed('a control group lets other operations pass', {
    stanzas: [{ capabilities: ['read', 'list'], control_group: controlGroup(['read']) }],
    operation: 'list',
  }),
  refused('a second policy does not lift a control group', 'approval', {
    stanzas: [{ capabilities: ['read'] }, { capabilities: ['read'], control_group: controlGroup(['read']) }],
    operation: 'read',
  }),

  // Page size
  ...(
    [
      [undefined, true],
      ['10', true],
      [10, true],
      [0, true],
      ['max', true],
      [11, false],
      ['11', false],
      [-1, false],
      ['-1', false],
      ['ten', false],
      ['', false],
      [null, false],
    ] as const
  ).map(([limit, fits]): Case => ({
    because: `a limit of ${JSON.stringify(limit)} ${fits ? 'fits' : 'does not fit'} a pagination_limit of 10`,
    stanzas: [{ capabilities: ['list'], pagination_limit: 10 }],
    operation: 'list',
    request: { parameters: limit === undefined ? {} : { limit } },
    ...(!fits && { refusal: 'page_size' as const }),
  })),
  refused('the lowest pagination_limit counts', 'page_size', {
    stanzas: [
      { capabilities: ['list'], pagination_limit: 100 },
      { capabilities: ['list'], pagination_limit: 10 },
      { capabilities: ['list'] },
    ],
    operation: 'list',
    request: { parameters: { limit: 50 } },
  }),
  refused('a required limit must be sent', 'page_size', {
    stanzas: [{ capabilities: ['list'], pagination_limit: 10, required_parameters: ['limit'] }],
    operation: 'list',
    request: { parameters: {} },
  }),
  allowed('pagination_limit says nothing about reading', {
    stanzas: [{ capabilities: ['read'], pagination_limit: 10 }],
    operation: 'read',
    request: { parameters: { limit: 50 } },
  }),
];
function controlGroup(operations: readonly Operation[]): Stanza {
  return {
    factor: { leads: { controlled_capabilities: operations, identity: { group_names: ['leads'], approvals: 1 } } },
  };
}

describe('the conditions of a rule', () => {
  it.each(CASES)('$because ($operation)', ({ stanzas, operation, request, refusal }) => {
    const result = matcherOf(stanzas).match(operation === 'list' ? 'a/' : 'a', operation, request);
    expect(result.refusal).toBe(refusal);
    expect(result.allowed).toBe(refusal === undefined);
  });

  it('refuses a question without parameters when parameters would be judged', () => {
    const matcher = matcherOf([{ capabilities: ['update'], denied_parameters: { ttl: [] } }]);
    expect(matcher.match('a', 'update', { parameters: {} }).allowed).toBe(true);
    expect(matcher.match('a', 'update').refusal).toBe('parameters');
  });
});
