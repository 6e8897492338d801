import { describe, expect, it } from '@jest/globals';
import { compilePolicies } from './policy-compiler.js';
import { parsePolicy } from './policy-parser.js';
import { parsePathTemplate, resolvePathTemplate, UNSAFE_VALUE, type TemplateIdentity } from './path-template.js';

const IDENTITY: TemplateIdentity = {
  entity: {
    id: 'e-1',
    name: 'ada',
    metadata: { team: 'core', 'cost.centre': '42', empty: '', path: 'a/b', star: '*', plus: '+' },
    aliases: [
      { mountAccessor: 'auth_jwt_1', id: 'al-1', name: 'ada@x', metadata: { m: 'am' }, customMetadata: { c: 'ac' } },
    ],
  },
  groups: [{ id: 'g-1', name: 'leads', metadata: { k: 'gk' } }],
};

const resolve = (pattern: string, identity?: TemplateIdentity): string | symbol | undefined =>
  resolvePathTemplate(parsePathTemplate(pattern)!, identity);

describe('resolvePathTemplate', () => {
  it.each([
    ['k/a', 'k/a'],
    ['k/{{identity.entity.id}}/*', 'k/e-1/*'],
    ['k/{{ identity.entity.name }}', 'k/ada'],
    ['{{identity.entity.metadata.team}}/{{identity.entity.id}}', 'core/e-1'],
    ['k/{{identity.entity.metadata.cost.centre}}', 'k/42'],
    ['k/{{identity.entity.aliases.auth_jwt_1.id}}', 'k/al-1'],
    ['k/{{identity.entity.aliases.auth_jwt_1.name}}', 'k/ada@x'],
    ['k/{{identity.entity.aliases.auth_jwt_1.metadata.m}}', 'k/am'],
    ['k/{{identity.entity.aliases.auth_jwt_1.custom_metadata.c}}', 'k/ac'],
    ['k/{{identity.groups.ids.g-1.name}}', 'k/leads'],
    ['k/{{identity.groups.names.leads.id}}', 'k/g-1'],
    ['k/{{identity.groups.names.leads.metadata.k}}', 'k/gk'],
  ])('resolves %s to %s', (pattern, path) => {
    expect(resolve(pattern, IDENTITY)).toBe(path);
  });

  it.each([
    'k/{{identity.entity.metadata.absent}}',
    'k/{{identity.entity.metadata.constructor}}',
    'k/{{identity.entity.metadata.empty}}',
    'k/{{identity.entity.metadata}}',
    'k/{{identity.entity.aliases.other.id}}',
    'k/{{identity.entity.aliases.auth_jwt_1}}',
    'k/{{identity.groups.names.strangers.id}}',
    'k/{{identity.groups.leads.id}}',
    'k/{{identity.other.id}}',
    'k/{{}}',
  ])('has no value for %s', (pattern) => {
    expect(resolve(pattern, IDENTITY)).toBeUndefined();
  });

  it.each(['path', 'star', 'plus'])('calls a value with a separator or a wildcard unsafe (%s)', (key) => {
    expect(resolve(`k/{{identity.entity.metadata.absent}}/{{identity.entity.metadata.${key}}}`, IDENTITY)).toBe(
      UNSAFE_VALUE,
    );
  });

  it('has no value without an identity', () => {
    expect(resolve('k/{{identity.entity.id}}')).toBeUndefined();
    expect(resolve('k/{{identity.groups.names.leads.id}}', {})).toBeUndefined();
  });
});

describe('compilePolicies with templates', () => {
  const policies = [
    {
      name: 'own',
      policy: parsePolicy(
        '{"path":{"k/{{identity.entity.name}}/*":{"capabilities":["read"]},"k/open":{"capabilities":["read"]}}}',
      ),
    },
  ];
  const now = new Date(0);

  it('speaks about the identity that it was compiled for', () => {
    const matcher = compilePolicies(policies, { now, identity: IDENTITY });
    expect(matcher.match('k/ada/x', 'read').allowed).toBe(true);
    expect(matcher.match('k/bob/x', 'read').allowed).toBe(false);
  });

  it('refuses everything when a value is unsafe, also what other stanzas grant', () => {
    const identity = { entity: { id: 'e-1', name: 'a/*' } };
    expect(compilePolicies(policies, { now, identity }).match('k/open', 'read').refusal).toBe('unsafe_identity');
  });

  it('skips the stanza, and nothing else, when it cannot be resolved', () => {
    const matcher = compilePolicies(policies, { now });
    expect(matcher.match('k/ada/x', 'read').refusal).toBe('no_rule');
    expect(matcher.match('k/{{identity.entity.name}}/x', 'read').refusal).toBe('no_rule');
    expect(matcher.match('k/open', 'read').allowed).toBe(true);
  });
});
