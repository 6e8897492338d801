import { CAPABILITIES, type Capability, type Operation } from '@claviger/features/access';
import fc from 'fast-check';

type Stanza = Readonly<Record<string, unknown>>;
export type PolicyDocument = { readonly path: Readonly<Record<string, Stanza>> };

/** One request; list and scan paths end with `/`. */
export type AclRequest = {
  readonly path: string;
  readonly operation: Exclude<Operation, 'help'>;
  /** Body of a write, query of a read or list. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly wrapTtlSeconds?: number;
};

/** Requests to be made under one set of policies. */
export type AclCase = { readonly policies: readonly PolicyDocument[]; readonly requests: readonly AclRequest[] };

const grant = (grants: Readonly<Record<string, readonly Capability[] | Stanza>>): PolicyDocument => ({
  path: Object.fromEntries(
    Object.entries(grants).map(([pattern, given]) => [pattern, Array.isArray(given) ? { capabilities: given } : given]),
  ) as Readonly<Record<string, Stanza>>,
});

const V1: readonly AclRequest['operation'][] = ['create', 'read', 'update', 'delete', 'list', 'scan'];
const requests = (paths: readonly string[], operations: readonly AclRequest['operation'][]): readonly AclRequest[] =>
  paths.flatMap((path) =>
    operations.map((operation) => {
      const isFolder = operation === 'list' || operation === 'scan';
      return { path: isFolder && !path.endsWith('/') ? `${path}/` : path, operation };
    }),
  );

/** One pattern at a time, against paths around it. */
const PATTERNS: readonly AclCase[] = [
  'k1/a',
  '/k1/a',
  'k1/a/',
  'k1/a*',
  'k1/a/*',
  'k1/*',
  'k1/',
  'k1',
  '*',
  'k1/+',
  'k1/+/',
  'k1/+/b',
  'k1/+/b*',
  'k1/+/*',
  'k1/a/+',
  'k1/a/+/c',
  'k1/+/+',
  '+/a',
  '+/+/b',
  '+/*',
  '+',
  'k1/+a',
  'k1/a+b',
  'k1/é*',
].map((pattern) => ({
  policies: [grant({ [pattern]: ['read', 'list', 'scan'] })],
  requests: [
    ...requests(['k1/a', 'k1/ab', 'k1/a/b', 'k1/a/bc', 'k1/a/b/c', 'k1/+a', 'k1/a+b', 'k1/éa', 'k1/A'], ['read']),
    ...requests(['k1/', 'k1/a', 'k1/a/b', 'k1/b'], ['list', 'scan']),
  ],
}));

/** Each capability alone, against each operation. */
const OPERATIONS: readonly AclCase[] = CAPABILITIES.map((capability) => ({
  policies: [grant({ 'k1/*': [capability], 'k2/*': [capability] })],
  requests: [
    ...requests(['k1/a'], V1),
    ...requests(['k2/data/a'], ['create', 'read', 'update', 'patch', 'delete']),
    ...requests(['k2/metadata/a'], ['read', 'delete', 'list', 'scan']),
    ...requests(['k2/undelete/a', 'k2/destroy/a'], ['update']),
  ],
}));

/** Old-style `policy` words. */
const OLD_WORDS: readonly AclCase[] = ['deny', 'read', 'write', 'sudo', ''].map((policy) => ({
  policies: [grant({ 'k1/*': { policy, capabilities: ['scan'] } })],
  requests: requests(['k1/a'], V1),
}));

/** Several patterns that match: who wins. The losers are given the opposite of the winner. */
const WINNERS: readonly AclCase[] = (
  [
    [['k1/a', 'k1/*'], 'k1/a'],
    [['k1/a', 'k1/+'], 'k1/a'],
    [['k1/a*', 'k1/*'], 'k1/ab'],
    [['k1/a/+', 'k1/a*'], 'k1/a/b'],
    [['k1/a*', 'k1/+/b'], 'k1/a/b'],
    [['k1/+', 'k1/*'], 'k1/a'],
    [['k1/+/+', 'k1/+/bc*'], 'k1/a/bcd'],
    [['k1/+/b/c', 'k1/+/+/c'], 'k1/a/b/c'],
    [['k1/*', 'k1/+/*'], 'k1/a/b'],
    [['k1/+/bc*', 'k1/+/b*'], 'k1/a/bcd'],
    [['k1/+/b/+', 'k1/+/+/c'], 'k1/a/b/c'],
    [['k1/a/+/+', 'k1/+/b/c'], 'k1/a/b/c'],
    [['k1/+/éé/+', 'k1/+/+/abc'], 'k1/x/éé/abc'],
    [['k1/+b', 'k1/+'], 'k1/+b'],
    [['k1/+b*', 'k1/*'], 'k1/+bc'],
    [['+/a', '*'], 'k1/a'],
    [['k1/+/b', '+/a/b'], 'k1/a/b'],
    [['k1/a/', 'k1/a'], 'k1/a/'],
    [['k1/a', 'k1/a/*'], 'k1/a/'],
    [['k1/a/*', 'k1/+'], 'k1/a/'],
    [['*', 'k1/+'], 'k1/a/'],
    [['k1/+/', 'k1/+'], 'k1/a/'],
  ] as const
).flatMap(([patterns, path]) => {
  const operation = path.endsWith('/') ? ('list' as const) : ('read' as const);
  const [first, second] = patterns;
  return [
    { policies: [grant({ [first]: [operation], [second]: ['deny'] })], requests: [{ path, operation }] },
    { policies: [grant({ [first]: ['deny'] }), grant({ [second]: [operation] })], requests: [{ path, operation }] },
    { policies: [grant({ [first]: ['sudo'] }), grant({ [second]: [operation] })], requests: [{ path, operation }] },
    { policies: [grant({ [second]: ['sudo'] }), grant({ [first]: [operation] })], requests: [{ path, operation }] },
  ];
});

/** The same pattern in two or three policies. */
const MERGES: readonly AclCase[] = (
  [
    [['read'], ['list']],
    [['read'], ['deny']],
    [['read', 'deny'], ['list']],
    [['create'], ['update'], ['delete']],
    [['read'], ['list'], ['deny']],
    [[], ['read']],
    [['sudo'], ['read']],
  ] as const
).flatMap((sets) =>
  ['k1/a', 'k1/*', 'k1/+'].map((pattern) => ({
    policies: sets.map((capabilities) => grant({ [pattern]: capabilities })),
    requests: requests(['k1/a'], V1),
  })),
);

const ALL: readonly Capability[] = ['create', 'read', 'update', 'delete', 'list', 'scan'];
const body = (parameters: Readonly<Record<string, unknown>>): readonly AclRequest[] => [
  { path: 'k1/a', operation: 'create', parameters },
  { path: 'k1/a', operation: 'update', parameters },
];
const query = (parameters: Readonly<Record<string, unknown>>): AclRequest => ({
  path: 'k1/a',
  operation: 'read',
  parameters,
});
const BODIES: readonly AclRequest[] = [
  ...body({ x: 'v' }),
  ...body({ X: 'v' }),
  ...body({ x: 'value' }),
  ...body({ x: '' }),
  ...body({ x: '*' }),
  ...body({ x: 5 }),
  ...body({ x: null }),
  ...body({ x: ['v'] }),
  ...body({ y: 'v' }),
  ...body({ x: 'v', y: 'v' }),
  query({ x: 'v' }),
  query({ y: 'v' }),
  ...requests(['k1/a'], ['read', 'delete', 'list', 'scan']),
];

/** Conditions on parameters, alone and merged. */
const PARAMETERS: readonly AclCase[] = [
  [{ allowed_parameters: { x: [] } }],
  [{ allowed_parameters: { X: ['v'] } }],
  [{ allowed_parameters: { x: ['v*'] } }],
  [{ allowed_parameters: { x: ['*ue'] } }],
  [{ allowed_parameters: { x: ['*lu*'] } }],
  [{ allowed_parameters: { x: ['v*e'] } }],
  [{ allowed_parameters: { x: ['*'] } }],
  [{ allowed_parameters: { x: ['**'] } }],
  [{ allowed_parameters: { x: ['5', ''] } }],
  [{ allowed_parameters: { x: ['v'], '*': [] } }],
  [{ allowed_parameters: { '*': ['v'] } }],
  [{ allowed_parameters: {} }],
  [{ denied_parameters: { x: [] } }],
  [{ denied_parameters: { x: ['v'] } }],
  [{ denied_parameters: { x: ['v*'] } }],
  [{ denied_parameters: { '*': [] } }],
  [{ denied_parameters: { '*': ['v'] } }],
  [{ allowed_parameters: { x: [] }, denied_parameters: { x: ['v'] } }],
  [{ required_parameters: ['x'] }],
  [{ required_parameters: ['X', 'y'] }],
  [{ required_parameters: ['x'] }, { required_parameters: ['y'] }],
  [{ allowed_parameters: { x: ['v'] } }, {}],
  [{ allowed_parameters: { x: ['v'] } }, { allowed_parameters: { x: ['value'] } }],
  [{ allowed_parameters: { x: ['v'] } }, { allowed_parameters: { x: [] } }],
  [{ allowed_parameters: { x: ['v'] } }, { allowed_parameters: { y: [] } }],
  [{ allowed_parameters: {} }, { allowed_parameters: { y: [] } }],
  [{ denied_parameters: { x: ['v'] } }, { denied_parameters: { x: ['value'] } }],
  [{ denied_parameters: { x: ['v'] } }, { denied_parameters: { x: [] } }],
  [{ denied_parameters: { x: ['v'] } }, { denied_parameters: { y: ['v'] } }],
].map((stanzas) => ({
  policies: stanzas.map((stanza) => grant({ 'k1/a': { capabilities: ALL, ...stanza } })),
  requests: BODIES,
}));

const wrapped = (operation: 'read' | 'delete' | 'list', wrapTtlSeconds?: number): AclRequest => ({
  path: operation === 'list' ? 'k1/a/' : 'k1/a',
  operation,
  ...(wrapTtlSeconds !== undefined && { wrapTtlSeconds }),
});

/** Wrapping, pages, expiry, control groups, templates without an identity. */
const OTHERS: readonly AclCase[] = [
  ...[
    [{ min_wrapping_ttl: '5s' }],
    [{ max_wrapping_ttl: 5 }],
    [{ min_wrapping_ttl: 0 }],
    [{ min_wrapping_ttl: '3', max_wrapping_ttl: '1m' }],
    [{ min_wrapping_ttl: 50 }, { min_wrapping_ttl: 5 }],
    [{ max_wrapping_ttl: 50 }, { max_wrapping_ttl: 5 }],
    [{ min_wrapping_ttl: 10 }, { max_wrapping_ttl: 5 }],
  ].map((stanzas) => ({
    policies: stanzas.map((stanza) => grant({ 'k1/a': { capabilities: ALL, ...stanza } })),
    requests: (['read', 'delete', 'list'] as const).flatMap((operation) =>
      [undefined, 4, 5, 6, 120].map((ttl) => wrapped(operation, ttl)),
    ),
  })),
  ...[
    [{ pagination_limit: 10 }],
    [{ pagination_limit: '10' }, { pagination_limit: 5 }],
    [{ pagination_limit: 10 }, {}],
    [{ pagination_limit: 10, required_parameters: ['limit'] }],
    [{ required_parameters: ['limit'] }],
  ].map((stanzas) => ({
    policies: stanzas.map((stanza) => grant({ 'k1/a': { capabilities: ALL, ...stanza } })),
    requests: [undefined, 0, 4, 7, 10, 11, -1, 'max', 'ten'].map((limit): AclRequest => ({
      path: 'k1/a/',
      operation: 'list',
      ...(limit !== undefined && { parameters: { limit } }),
    })),
  })),
  ...['2020-01-01T00:00:00Z', '2100-01-01T00:00:00+02:00', '1', '4000000000', 4_000_000_000].map((expiration) => ({
    policies: [grant({ 'k1/*': ['read'], 'k1/a': { capabilities: ['deny'], expiration } })],
    requests: requests(['k1/a'], ['read']),
  })),
  ...[['read'], ['read', 'scan'], ['update'], ['create', 'delete']].map((controlled) => ({
    policies: [
      grant({
        'k1/*': {
          capabilities: ALL,
          control_group: {
            ttl: '1h',
            factor: {
              leads: { controlled_capabilities: controlled, identity: { group_names: ['leads'], approvals: 1 } },
            },
          },
        },
      }),
    ],
    // Not list: OpenBao answers a list that it holds back with 404.
    requests: requests(['k1/a'], ['create', 'update', 'read', 'scan', 'delete']),
  })),
  {
    policies: [
      grant({
        'k1/{{identity.entity.id}}/*': ['read'],
        'k1/{{identity.groups.names.g.id}}': ['read'],
        'k1/o': ['read'],
      }),
    ],
    requests: requests(['k1/a/b', 'k1/{{identity.entity.id}}/b', 'k1/o'], ['read']),
  },
];

/** Root-protected paths and their neighbours; sealing is only asked for without sudo. */
const SUDO: readonly AclCase[] = (
  [
    ['sys/audit', 'read'],
    ['sys/audit/none', 'delete'],
    ['sys/auth', 'read'],
    ['sys/auth/token/tune', 'read'],
    ['sys/auth/none', 'delete'],
    ['sys/config/cors', 'read'],
    ['sys/config/ui/headers/', 'list'],
    ['sys/config/auditing/request-headers', 'read'],
    ['sys/leases', 'read'],
    ['sys/leases/lookup/none/', 'list'],
    ['sys/leases/lookup', 'update'],
    ['sys/leases/revoke-prefix/none', 'update'],
    ['sys/leases/revoke-force/none', 'update'],
    ['sys/plugins/catalog/secret/kv', 'read'],
    ['sys/raw/core', 'read'],
    ['sys/remount', 'update'],
    ['sys/rotate/config', 'read'],
    ['sys/internal/inspect/router/root', 'read'],
    ['sys/key-status', 'read'],
    ['sys/mounts', 'read'],
    ['sys/mounts/none', 'delete'],
    ['sys/policies/acl/none', 'read'],
    ['sys/policies/acl/', 'list'],
    ['auth/token/accessors/', 'list'],
    ['auth/token/lookup', 'update'],
  ] as const
).flatMap(([path, operation]) =>
  [['sudo'] as const, [operation], [operation, 'sudo'] as const].map((capabilities) => ({
    policies: [grant({ [path]: capabilities })],
    requests: [
      { path, operation, ...(operation === 'update' && { parameters: { prefix: 'none', from: '', to: '' } }) },
    ],
  })),
);
const NEVER_DONE: AclCase = {
  policies: [grant({ 'sys/*': ['create', 'read', 'update'] })],
  requests: requests(['sys/seal'], ['update']),
};

export const TABLE: readonly AclCase[] = [
  ...PATTERNS,
  ...OPERATIONS,
  ...OLD_WORDS,
  ...WINNERS,
  ...MERGES,
  ...PARAMETERS,
  ...OTHERS,
  ...SUDO,
  NEVER_DONE,
];

const word = fc.constantFrom('a', 'ab', 'b', 'c', '+b', 'é');
const segment = fc.oneof({ weight: 3, arbitrary: word }, { weight: 1, arbitrary: fc.constant('+') });
const pattern = fc
  .tuple(
    fc.constantFrom('k1', 'k1', 'k1', '+'),
    fc.array(segment, { maxLength: 3 }),
    fc.constantFrom('', '', '*', '/*', '/'),
  )
  .map(([mount, segments, end]) => [mount, ...segments].join('/') + end)
  .filter((text) => !text.includes('+*'));
const capabilities = fc.uniqueArray(fc.constantFrom(...CAPABILITIES), { maxLength: 4 });
const policy = fc
  .array(fc.tuple(pattern, capabilities), { minLength: 1, maxLength: 8 })
  .map((grants) => grant(Object.fromEntries(grants)));
const request = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 3 }), fc.constantFrom(...V1))
  .map(([words, operation]) => requests([['k1', ...words].join('/')], [operation])[0]!);

/** Up to three policies over one mount, and requests whose paths often meet their patterns. */
export const randomCases: fc.Arbitrary<AclCase> = fc.record({
  policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
  requests: fc.array(request, { minLength: 10, maxLength: 10 }),
});

const inStanza = (fields: string): string => `{"path":{"a":{"capabilities":["read","list"],${fields}}}}`;

/** Texts that both read or both refuse; and those that OpenBao reads in a way that would surprise their author. */
export const ACCEPTANCE: readonly {
  readonly because: string;
  readonly text: string;
  readonly verdict: 'accepted by both' | 'refused by both' | 'refused here only';
}[] = [
  ...(
    [
      ['no paths', '{}'],
      ['an empty path object', '{"path":{}}'],
      ['an empty stanza', '{"path":{"a":{}}}'],
      ['a name', '{"name":"x","path":{"a":{"capabilities":["read"]}}}'],
      ['a list of path objects', '{"path":[{"a":{"capabilities":["read"]}},{"b":{}}]}'],
      ['path given twice', '{"path":{"a":{}},"path":{"b":{}}}'],
      ['a pattern given twice', '{"path":{"a":{"capabilities":["read"]},"a":{"capabilities":["list"]}}}'],
      ['a comment', inStanza('"comment":"x"')],
      ['an unknown template', '{"path":{"a/{{foo.bar}}":{}}}'],
      ['mfa methods', inStanza('"mfa_methods":["x"]')],
    ] as const
  ).map(([because, text]) => ({ because, text, verdict: 'accepted by both' as const })),
  ...(
    [
      ['an unknown top-level key', '{"paths":{}}'],
      ['an unknown key', inStanza('"foo":1')],
      ['a key in capitals', inStanza('"Policy":"read"')],
      ['an unknown capability', '{"path":{"a":{"capabilities":["reed"]}}}'],
      ['capabilities as a string', '{"path":{"a":{"capabilities":"read"}}}'],
      ['an unknown old policy', '{"path":{"a":{"policy":"reed"}}}'],
      ['+*', '{"path":{"a/+*":{}}}'],
      ['an unbalanced template', '{"path":{"a/{{identity.entity.id":{}}}'],
      ['a bad duration', inStanza('"min_wrapping_ttl":"soon"')],
      ['a maximum below the minimum', inStanza('"min_wrapping_ttl":"10s","max_wrapping_ttl":"5s"')],
      ['a bad time', inStanza('"expiration":"tomorrow"')],
      ['half a page', inStanza('"pagination_limit":1.5')],
      ['a list filter without the key', inStanza('"list_scan_response_keys_filter_path":"{{ .path }}"')],
      ['a list filter without list', '{"path":{"a":{"list_scan_response_keys_filter_path":"{{ .key }}"}}}'],
      ['a control group without a factor', inStanza('"control_group":{"ttl":"1h"}')],
      ['a factor without operations', inStanza('"control_group":{"ttl":"1h","factor":{"f":{}}}')],
      ['parameters that are no object', inStanza('"allowed_parameters":["x"]')],
      ['a null in a parameter list', inStanza('"allowed_parameters":{"x":[null]}')],
    ] as const
  ).map(([because, text]) => ({ because, text, verdict: 'refused by both' as const })),
  ...(
    [
      ['a glob in the middle, which OpenBao takes literally', '{"path":{"a/*/b":{"capabilities":["deny"]}}}'],
      ['a number in a parameter list, which never matches', inStanza('"denied_parameters":{"x":[5]}')],
      ['a key given twice', '{"path":{"a":{"capabilities":["read"],"capabilities":["list"]}}}'],
      ['an unknown capability behind deny', '{"path":{"a":{"capabilities":["deny","bogus"]}}}'],
      ['text behind its end', '{"path":{}} x'],
      ['a trailing comma', '{"path":{"a":{"capabilities":["read"],}}}'],
    ] as const
  ).map(([because, text]) => ({ because, text, verdict: 'refused here only' as const })),
];
