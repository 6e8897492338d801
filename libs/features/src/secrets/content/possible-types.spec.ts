import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { parseContent } from '@claviger/vaults/contract';
import { possibleTypes, type PossibleTypes } from './possible-types.js';
import { SECRET_TYPES, type SecretType } from './secret-type.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
const acceptedOf = (type: SecretType): readonly { readonly name: string; readonly text: string }[] =>
  (JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as { accepted: { name: string; text: string }[] })
    .accepted;
const typesOf = (content: unknown): Promise<PossibleTypes> => possibleTypes(parseContent(JSON.stringify(content)));

describe.each(SECRET_TYPES)('the possible types of content of type %s', (type) => {
  it.each(acceptedOf(type))('have it among them: $name', async ({ text }) => {
    expect((await possibleTypes(parseContent(text))).types).toContain(type);
  });
});

describe('possibleTypes', () => {
  it.each([
    [{ username: 'a', password: 'b' }, 'basic-auth', true],
    [{ key: 'not base64!' }, 'api-key', true],
    [{ key: 'c2VjcmV0c2VjcmV0', algorithm: 'HS256-ish' }, 'secret-key', true],
    [{ key: 'c2VjcmV0c2VjcmV0' }, 'api-key', false],
    [{ token: 'not a jwt' }, 'key-value', true],
    [{ content: 'x' }, 'generic', false],
    [{ host: 'db', port: 5432 }, 'key-value', true],
  ])('takes %j for %s (certain: %s)', async (content, type, isCertain) => {
    const found = await typesOf(content);
    expect([found.types[0], found.isCertain]).toEqual([type, isCertain]);
  });

  it('finds none for what no secret can hold', async () => {
    expect(await typesOf({})).toEqual({ types: [], isCertain: false });
  });
});
