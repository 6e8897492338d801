import { describe, expect, it } from '@jest/globals';
import { isAppError } from '@claviger/kernel';
import fc from 'fast-check';
import { SECRET_TYPES, type SecretType } from './content/index.js';
import { nameOfObject } from './object-name.policy.js';
import { physicalNameAt } from './secret-fit.policy.js';

const profile = (nameTemplate: string, prefix = ''): { name: string; prefix: string; nameTemplate: string } => ({
  name: 'kv',
  prefix,
  nameTemplate,
});

describe('nameOfObject', () => {
  it.each([
    ['{name}', '', 'shop/db', 'shop/db'],
    ['{name}', 'apps', 'apps/shop/db', 'shop/db'],
    ['{name}', 'apps', 'other/db', undefined],
    ['{name}', 'apps', 'apps', undefined],
    ['x-{name}-y', '', 'x-db-y', 'db'],
    ['x-{name}-y', '', 'x--y', undefined],
    ['x-{name}-y', '', 'db', undefined],
    ['{type}/{name}', '', 'generic/db', 'db'],
    ['{type}/{name}', '', 'jwt/db', undefined],
    ['{name}.{type}', 'a', 'a/db.generic', 'db'],
  ])('with %s below %j takes %s for %s', (template, prefix, physicalName, name) => {
    expect(nameOfObject(profile(template, prefix), physicalName, 'generic')).toBe(name);
  });

  it('finds whatever name led there, and no other', () => {
    const template = fc.constantFrom('{name}', 'a-{name}', '{name}-b', '{type}/{name}', 'x/{name}.{type}');
    const prefix = fc.constantFrom('', 'apps', 'apps/shop');
    fc.assert(
      fc.property(template, prefix, fc.string(), fc.constantFrom<SecretType>(...SECRET_TYPES), (t, p, name, type) => {
        let physicalName: string;
        try {
          physicalName = physicalNameAt(profile(t, p), { name, type });
        } catch (error) {
          if (isAppError(error)) return;
          throw error;
        }
        expect(nameOfObject(profile(t, p), physicalName, type)).toBe(name);
      }),
    );
  });
});
