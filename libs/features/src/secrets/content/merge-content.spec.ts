import { describe, expect, it } from '@jest/globals';
import { parseContent, sameContent, stringifyContent, type JsonObject } from '@claviger/vaults/contract';
import fc from 'fast-check';
import { diffContents, mergeContent } from './merge-content.js';

const merged = (content: string, patch: string): string =>
  stringifyContent(mergeContent(parseContent(content), parseContent(patch)));
const json = (value: object): JsonObject => parseContent(JSON.stringify(value));

describe('mergeContent', () => {
  // RFC 7396, appendix A: the cases of two objects.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('makes of %s with %s %s', (content, patch, expected) => {
    expect(merged(content, patch)).toBe(expected);
  });

  it('keeps the digits of numbers, and keys that look like others', () => {
    expect(
      merged('{"n":12345678901234567890,"__proto__":{"x":1}}', '{"m":1.10,"__proto__":{"y":2},"toString":"z"}'),
    ).toBe('{"n":12345678901234567890,"__proto__":{"x":1,"y":2},"m":1.10,"toString":"z"}');
  });
});

describe('diffContents', () => {
  it('names what was added, removed and changed, and nothing else', () => {
    const from = json({ same: 1, gone: 'x', other: 'a', in: { kept: true, old: 1, list: [1, 2] }, 'a/b~c': 1 });
    const to = json({ same: 1.0, new: 'y', other: 'b', in: { kept: true, new: 1, list: [2, 1] }, 'a/b~c': 2 });
    expect(diffContents(from, to)).toEqual({
      added: ['/in/new', '/new'],
      removed: ['/gone', '/in/old'],
      changed: ['/a~1b~0c', '/in/list', '/other'],
    });
    expect(diffContents(from, from)).toEqual({ added: [], removed: [], changed: [] });
  });

  it('is empty exactly for equal contents, and mirrored the other way round', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue()).map(json);
    fc.assert(
      fc.property(object, object, (a, b) => {
        const [there, back] = [diffContents(a, b), diffContents(b, a)];
        const isEmpty = [there.added, there.removed, there.changed].every((list) => list.length === 0);
        expect(isEmpty).toBe(sameContent(a, b));
        expect(back).toEqual({ added: there.removed, removed: there.added, changed: there.changed });
      }),
    );
  });
});
