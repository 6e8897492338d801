import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memberText } from './kv.json.js';

describe('memberText', () => {
  it('gives the source text of a member, digits and escapes as they are', () => {
    const content = '{"n":12345678901234567890,"d":1.10,"s":"\\u003c}\\"]","":[{}]}';
    expect(memberText(`{"request_id":"x","data":{"data":${content},"metadata":{"version":1}}}`, ['data', 'data'])).toBe(
      content,
    );
  });

  it('takes the last of repeated keys, as JSON.parse does', () => {
    expect(memberText('{"a":1,"b":2,"a":3}', ['a'])).toBe('3');
  });

  it('knows a key in any spelling', () => {
    expect(memberText('{"\\u0064ata" : 1.0 }', ['data'])).toBe('1.0');
  });

  it.each(['{}', '{"data":null}', '{"data":[1]}', '{"data":{}}', '[]', '"x"', '{"x":{"data":1}}'])(
    'finds nothing in %s',
    (json) => {
      expect(memberText(json, ['data', 'data'])).toBeUndefined();
    },
  );

  it('agrees with JSON.parse on every document', () => {
    const members = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(fc.jsonValue(), members, members, fc.integer({ min: 0, max: 2 }), (value, before, after, indent) => {
        const document = JSON.stringify(
          { ...before, data: { ...after, data: value, ...before }, ...after },
          null,
          indent,
        );
        const data = (JSON.parse(document) as { data: { data?: unknown } | null }).data;
        const text = memberText(document, ['data', 'data']);
        const expected = typeof data === 'object' && !Array.isArray(data) ? data?.data : undefined;
        expect(text === undefined ? undefined : JSON.parse(text)).toEqual(expected);
      }),
    );
  });
});
