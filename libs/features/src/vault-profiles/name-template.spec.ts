import { describe, expect, it } from '@jest/globals';
import { joinPhysicalName } from '@claviger/vaults/contract';
import fc from 'fast-check';
import { nameTemplateProblem, renderName } from './name-template.js';

describe('renderName', () => {
  it.each([
    ['{name}', 'team/db'],
    ['claviger/{name}', 'claviger/team/db'],
    ['{type}/{name}', 'jwt/team/db'],
    ['{name}-{type}', 'team/db-jwt'],
  ])('renders %j', (template, expected) => {
    expect(renderName(template, { name: 'team/db', type: 'jwt' })).toBe(expected);
  });

  it.each(['{type}', '{name}', '$&', '$1', '{{name}}'])('takes the name %j as it is', (name) => {
    expect(renderName('a/{name}/{type}', { name, type: 'jwt' })).toBe(`a/${name}/jwt`);
  });

  it('gives different names for different secrets of one type', () => {
    const template = fc.constantFrom('{name}', 'a/{name}', '{name}.{type}', '{type}/{name}/x');
    fc.assert(
      fc.property(template, fc.string(), fc.string(), (text, a, b) => {
        const [one, other] = [a, b].map((name) => renderName(text, { name, type: 'jwt' }));
        expect(one === other).toBe(a === b);
      }),
    );
  });
});

describe('nameTemplateProblem', () => {
  it.each(['{name}', 'x{name}', '{type}/{name}', 'a/b/{name}/c', '{name} of {type}'])('accepts %j', (template) => {
    expect(nameTemplateProblem(template)).toBeUndefined();
    expect(() => joinPhysicalName('prefix', renderName(template, { name: 'n', type: 'jwt' }))).not.toThrow();
  });

  it.each([
    ['', 'exactly once'],
    ['static', 'exactly once'],
    ['{name}{name}', 'exactly once'],
    ['{type}{name}{type}', 'at most once'],
    ['{name}/{owner}', 'no other placeholder'],
    ['{name}}', 'no other placeholder'],
    ['/{name}', 'starts or ends with /'],
    ['{name}/', 'starts or ends with /'],
    ['../{name}', '. or .. segment'],
    ['a//{name}', 'contains //'],
    ['%2e%2e/{name}', 'percent-encoded'],
    ['a\n{name}', 'control character'],
  ])('refuses %j', (template, problem) => {
    expect(nameTemplateProblem(template)).toContain(problem);
  });
});
