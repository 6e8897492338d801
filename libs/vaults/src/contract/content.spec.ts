import { describe, expect, it } from '@jest/globals';
import { AppError } from '@claviger/kernel';
import fc from 'fast-check';
import {
  canonicalJson,
  findInexactNumber,
  MAX_CONTENT_BYTES,
  MAX_CONTENT_DEPTH,
  parseContent,
  sameContent,
  stringifyContent,
} from './content.js';

function refusalOf(text: string, maxBytes?: number): AppError {
  try {
    parseContent(text, maxBytes);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const canonical = (text: string): string => canonicalJson(parseContent(text));
const canonicalNumber = (text: string): string => canonical(`{"n":${text}}`).slice(5, -1);
const nested = (levels: number): string => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1);

describe('parseContent', () => {
  it('keeps numbers as their source text', () => {
    const text = '{"a":12345678901234567890,"b":1.10,"c":[-0,1E+2]}';
    expect(stringifyContent(parseContent(text))).toBe(text);
  });

  it('treats the names of Object.prototype as ordinary keys', () => {
    const content = parseContent('{"__proto__":{"admin":"yes"},"constructor":"c"}');
    expect(Object.keys(content)).toEqual(['__proto__', 'constructor']);
    expect(content['constructor']).toBe('c');
    expect(content['toString']).toBeUndefined();
    expect(content['admin']).toBeUndefined();
    expect(stringifyContent(content)).toBe('{"__proto__":{"admin":"yes"},"constructor":"c"}');
    expect(canonicalJson(content)).toBe('{"__proto__":{"admin":"yes"},"constructor":"c"}');
  });

  it('does not take an object for a number because it looks like one', () => {
    expect(canonical('{"x":{"isLosslessNumber":true,"value":"1"}}')).toBe(
      '{"x":{"isLosslessNumber":true,"value":"1"}}',
    );
  });

  it.each([
    ['', 'syntax', 1, 1],
    ['   ', 'syntax', 1, 4],
    ['{', 'syntax', 1, 2],
    ['{"a":1,}', 'syntax', 1, 8],
    ['{\n  "a" 1\n}', 'syntax', 2, 7],
    ['{"a":"b', 'syntax', 1, 8],
    ['{"a":01}', 'syntax', 1, 7],
    ['{"a":1.}', 'syntax', 1, 8],
    ['{"a":.5}', 'syntax', 1, 6],
    ['{"a":+1}', 'syntax', 1, 6],
    ['{1:2}', 'syntax', 1, 2],
    ['{"a":{"b":1},2 :3}', 'syntax', 1, 14],
    ['{"a":tru1}', 'syntax', 1, 6],
    ['{"a":NaN}', 'syntax', 1, 6],
    ["{'a':1}", 'syntax', 1, 2],
    ['{"a":1} x', 'syntax', 1, 9],
    ['\ufeff{}', 'syntax', 1, 1],
    ['{"a":"\t"}', 'syntax', 1, 7],
    ['{"a":"\\x"}', 'syntax', 1, 7],
    ['{"a":"\\u12g4"}', 'syntax', 1, 7],
    ['[]', 'not_an_object', 1, 1],
    ['\n "a"', 'not_an_object', 2, 2],
    ['null', 'not_an_object', 1, 1],
    ['17', 'not_an_object', 1, 1],
    ['{"a":1,"a":2}', 'duplicate_key', 1, 8],
    ['{"a":1,"a":1}', 'duplicate_key', 1, 8],
    ['{"a":"x",\n "\\u0061":"x"}', 'duplicate_key', 2, 2],
    ['{"b":[{"a":{},"c":1,"a":{}}]}', 'duplicate_key', 1, 21],
    ['{"__proto__":1,"__proto__":1}', 'duplicate_key', 1, 16],
    ['{"a":"\ud800"}', 'lone_surrogate', 1, 7],
    ['{"a":"\\ud83d"}', 'lone_surrogate', 1, 6],
    ['{"\\udc00":1}', 'lone_surrogate', 1, 2],
    ['{"a":"\\ude00\\ud83d"}', 'lone_surrogate', 1, 6],
    ['{"a":1e401}', 'number_out_of_range', 1, 6],
    ['{"a":[0,-0.1e-400]}', 'number_out_of_range', 1, 9],
    ['{"a":1e99999999999999999999999}', 'number_out_of_range', 1, 6],
    ['{"a":1E-401}', 'number_out_of_range', 1, 6],
  ])('refuses %j: %s at line %i, column %i', (text, reason, line, column) => {
    const error = refusalOf(text, 1_000_000);
    expect(error.code).toBe('CONTENT_INVALID_JSON');
    expect(error.kind).toBe('invalid');
    expect(error.details).toEqual({ reason, line, column });
    expect(error.message).toContain(`at line ${line}, column ${column}`);
  });

  it.each([
    ['one level too many', nested(MAX_CONTENT_DEPTH + 1), 'too_deep', 5 * MAX_CONTENT_DEPTH + 1],
    ['brackets without end', `{"a":${'['.repeat(100_000)}`, 'too_deep', 5 + MAX_CONTENT_DEPTH],
    ['a long number out of range', `{"a":1${'0'.repeat(401)}}`, 'number_out_of_range', 6],
    ['a long fraction out of range', `{"a":0.${'0'.repeat(400)}1}`, 'number_out_of_range', 6],
  ])('refuses %s', (_name, text, reason, column) => {
    expect(refusalOf(text, 1_000_000).details).toEqual({ reason, line: 1, column });
  });

  it('accepts the deepest nesting and the longest numbers allowed', () => {
    for (const text of [nested(MAX_CONTENT_DEPTH), `{"a":1${'0'.repeat(400)}}`, `{"a":0.${'0'.repeat(399)}1}`]) {
      expect(stringifyContent(parseContent(text))).toBe(text);
    }
  });

  it.each([
    '{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}',
    '{"a":"\\ud83d\\ude00 \ud83d\ude00"}',
    '{"":""}',
    ' \t\r\n{ "a" : [ ] } \n',
    '{"a":9.99e400,"b":1e-400,"c":0e99999999999999999999999,"d":0.1e401}',
    '{"a":":,{}[]\\"\\\\","\\"":1}',
  ])('accepts %j', (text) => {
    expect(sameContent(parseContent(text), parseContent(stringifyContent(parseContent(text))))).toBe(true);
  });

  it('never quotes the text it refuses', () => {
    for (const text of [
      '{"k":canary}',
      '{"canary":1,"canary":2}',
      '{"k":"\\canary"}',
      '{"k":"canary',
      '{"k":-canary}',
    ]) {
      const error = refusalOf(text);
      expect(JSON.stringify([error.message, error.details, String(error.cause)])).not.toContain('canary');
    }
  });

  it('refuses a text over the limit, counted in bytes of UTF-8', () => {
    const text = '{"a":"é"}';
    expect(refusalOf(text, 9)).toMatchObject({
      code: 'CONTENT_TOO_LARGE',
      kind: 'too_large',
      details: { bytes: 10, maxBytes: 9 },
    });
    expect(parseContent(text, 10)).toEqual({ a: 'é' });
    expect(refusalOf(`{"a":"${'x'.repeat(MAX_CONTENT_BYTES)}"}`).code).toBe('CONTENT_TOO_LARGE');
  });

  it('gives up on hostile texts without spending quadratic time', () => {
    const hostile = [
      '"' + '\\"'.repeat(500_000),
      '{"a":' + '1'.repeat(1_000_000),
      '{"a":1' + '0'.repeat(1_000_000) + '1x}',
    ];
    for (const text of hostile) expect(refusalOf(text, 2_000_000).code).toBe('CONTENT_INVALID_JSON');
  });

  it('accepts exactly what JSON.parse accepts, but for the documented refusals', () => {
    const fragments = '{ } [ ] , : " \\ \\n \\u0041 \\ud83d \\ude00 a 1 0 - . e E + true null false'.split(' ');
    const soup = fc
      .array(fc.constantFrom(...fragments, ' ', '\n', '\t', '\u0001', '\u2028', 'é', '"k":', '"v"', '{"k":'), {
        maxLength: 14,
      })
      .map((parts) => parts.join(''));
    const wrapped = soup.map((text) => `{"a":${text}}`);
    const damaged = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ...fragments))
      .map(([text, at, put]) => `{"a":${text.slice(0, at % text.length)}${put}${text.slice((at % text.length) + 1)}}`);
    fc.assert(
      fc.property(fc.oneof(soup, wrapped, damaged, fc.json()), (text) => {
        const accepted = canBeParsed(text);
        try {
          parseContent(text, 1_000_000);
          expect(accepted).toBe(true);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect(error.details?.['line']).toBeDefined();
          if (accepted) expect(error.details?.['reason']).not.toBe('syntax');
        }
      }),
      { numRuns: 3000 },
    );
  });
});

function canBeParsed(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('canonicalJson', () => {
  it.each([
    ['0', ['-0', '0.0', '0e5', '-0.00E-9']],
    ['1', ['1.0', '10e-1', '0.1e1', '1E0', '1.000e+00']],
    ['1e2', ['100', '1E+2', '0.001e5']],
    ['-25e-2', ['-0.25', '-2.5e-1', '-0.250']],
    ['1234567890123456789e1', ['12345678901234567890']],
    ['12345678901234567891', ['12345678901234567891', '12345678901234567891.0']],
    ['5e-324', ['0.5e-323']],
    ['1e400', ['1e400', '0.1e401']],
  ])('writes %s for %j', (expected, spellings) => {
    for (const spelling of spellings) expect(canonicalNumber(spelling)).toBe(expected);
  });

  it('sorts keys by UTF-16 code units, as RFC 8785 section 3.2.3 shows', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    const text = `{${keys.map((key) => `${JSON.stringify(key)}:null`).join(',')}}`;
    expect(canonical(text)).toBe(`{${sorted.map((key) => `${JSON.stringify(key)}:null`).join(',')}}`);
  });

  it('escapes strings as RFC 8785 section 3.2.2.2 says', () => {
    expect(canonical('{"s":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/\\u2028"}')).toBe(
      '{"s":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u2028"}',
    );
  });

  it('tells numbers apart that one double would stand for', () => {
    expect(sameContent(parseContent('{"n":12345678901234567890}'), parseContent('{"n":12345678901234567891}'))).toBe(
      false,
    );
  });

  it('tells a number from its text, and null from a missing key', () => {
    expect(canonical('{"a":1}')).not.toBe(canonical('{"a":"1"}'));
    expect(canonical('{"a":null}')).not.toBe(canonical('{}'));
  });

  it('refuses a number out of range that another parser let in', async () => {
    const { parse } = await import('lossless-json');
    expect(() => canonicalJson(parse('{"n":1e401}') as never)).toThrow(
      expect.objectContaining({ code: 'CONTENT_INVALID_JSON', details: { reason: 'number_out_of_range' } }),
    );
  });

  it('is equal for equal decimals and different for different ones, whatever their spelling', () => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        expect(canonicalNumber(a.text) === canonicalNumber(b.text)).toBe(a.scaled === b.scaled);
        expect(canonicalNumber(a.text)).toBe(canonicalNumber(a.respelled));
      }),
      { numRuns: 2000 },
    );
  });

  it('follows its number grammar, and keeps the value', () => {
    fc.assert(
      fc.property(decimal, ({ text, scaled }) => {
        const written = canonicalNumber(text);
        expect(written).toMatch(/^(0|-?[1-9](\d*[1-9])?(e-?[1-9]\d*)?)$/);
        const [digits, exponent = '0'] = written.split('e');
        expect(BigInt(digits!) * 10n ** BigInt(SCALE + Number(exponent))).toBe(scaled);
      }),
    );
  });

  it('is its own canonical form, and survives stringify and parse', () => {
    fc.assert(
      fc.property(document, ({ text }) => {
        const content = parseContent(text);
        const written = canonicalJson(content);
        expect(canonical(written)).toBe(written);
        expect(canonical(stringifyContent(content))).toBe(written);
      }),
    );
  });

  it('does not depend on the order of keys, white space or escapes', () => {
    fc.assert(fc.property(document, ({ text, respelled }) => expect(canonical(text)).toBe(canonical(respelled))));
  });

  it('is what JSON.stringify writes for sorted content without numbers', () => {
    const plain = fc.dictionary(fc.string({ unit: 'binary' }), fc.oneof(fc.string({ unit: 'binary' }), fc.boolean()));
    fc.assert(
      fc.property(plain, (value) => {
        // Entries, not an object: an object would move integer-like keys to the front.
        const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
        const expected = `{${members.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`;
        expect(canonical(JSON.stringify(value))).toBe(expected);
      }),
    );
  });

  it('differs whenever JSON.parse sees a difference', () => {
    const value = fc.dictionary(fc.string({ maxLength: 2 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
    const sorted = (_key: string, member: unknown): unknown =>
      member !== null && typeof member === 'object' && !Array.isArray(member)
        ? Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))
        : member;
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
        const equal = JSON.stringify(JSON.parse(x), sorted) === JSON.stringify(JSON.parse(y), sorted);
        expect(sameContent(parseContent(x), parseContent(y))).toBe(equal);
      }),
    );
  });
});

describe('findInexactNumber', () => {
  it.each([
    ['{"a":12345678901234567890}', '/a'],
    ['{"a":1,"b":[0.5,{"c/d~e":9007199254740993}]}', '/b/1/c~1d~0e'],
    ['{"a":0.1000000000000000055511151231257827}', '/a'],
    ['{"a":1e400}', '/a'],
    ['{"a":1e-400}', '/a'],
    ['{"":1e309}', '/'],
  ])('points into %s at %s', (text, pointer) => {
    expect(findInexactNumber(parseContent(text))).toBe(pointer);
  });

  it.each(['{}', '{"a":"12345678901234567890"}', '{"a":[1.10,-0,1e21,5e-324,9007199254740992,123456789012345680000]}'])(
    'finds nothing in %s',
    (text) => {
      expect(findInexactNumber(parseContent(text))).toBeUndefined();
    },
  );

  it('passes every double as ECMAScript writes it', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (double) => {
        const content = parseContent(JSON.stringify({ n: double }));
        expect(findInexactNumber(content)).toBeUndefined();
        expect(Number(canonicalNumber(String(double)))).toBe(double === 0 ? 0 : double);
      }),
    );
  });

  it('agrees with exact arithmetic on the double that comes back', () => {
    fc.assert(
      fc.property(decimal, ({ text, scaled }) => {
        const back = scaledValue(String(Number(text)));
        expect(findInexactNumber(parseContent(`{"n":${text}}`)) === undefined).toBe(back === scaled);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Every generated decimal × 10^SCALE is an integer, so that BigInt decides equality. */
const SCALE = 60;

function scaledValue(text: string): bigint {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const power = SCALE - fraction.length + Number(exponent);
  const magnitude = BigInt(whole.replace('-', '') + fraction) * 10n ** BigInt(Math.max(power, 0));
  return (text.startsWith('-') ? -1n : 1n) * (power < 0 ? magnitude / 10n ** BigInt(-power) : magnitude);
}

const decimal = fc
  .record({
    sign: fc.constantFrom('', '-'),
    digits: fc.oneof(fc.bigInt({ min: 0n, max: 120n }), fc.bigInt({ min: 0n, max: 10n ** 20n })).map(String),
    point: fc.nat({ max: 8 }),
    exponent: fc.integer({ min: -20, max: 20 }),
    shift: fc.integer({ min: 0, max: 12 }),
    e: fc.constantFrom('e', 'E'),
  })
  .map(({ sign, digits, point, exponent, shift, e }) => {
    const padded = digits.padStart(point + 1, '0');
    const split = padded.length - point;
    const mantissa = point === 0 ? digits : `${padded.slice(0, split)}.${padded.slice(split)}`;
    const text = `${sign}${mantissa}${exponent === 0 ? '' : `${e}${exponent}`}`;
    const respelled = `${sign}${digits}${digits === '0' ? '' : '0'.repeat(shift)}.000${e}${exponent - point - (digits === '0' ? 0 : shift)}`;
    return { text, respelled, scaled: scaledValue(text) };
  });

type Document = { readonly text: string; readonly respelled: string };

const document: fc.Arbitrary<Document> = fc.letrec<{ node: Document; object: Document }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    decimal,
    fc.constantFrom('true', 'false', 'null').map((text) => ({ text, respelled: ` ${text}\n` })),
    fc.string({ unit: 'binary' }).map(spellString),
    fc.array(tie('node'), { maxLength: 4 }).map((items) => ({
      text: `[${items.map((item) => item.text).join(',')}]`,
      respelled: `[ ${items.map((item) => item.respelled).join(' ,\t')} ]`,
    })),
    tie('object'),
  ),
  object: fc
    .uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), tie('node')), { selector: ([key]) => key, maxLength: 5 })
    .map((members) => ({
      text: `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value.text}`).join(',')}}`,
      respelled: `{ ${members
        .toReversed()
        .map(([key, value]) => `${spellString(key).respelled} : ${value.respelled}`)
        .join('\r\n,')} }`,
    })),
})).object;

function spellString(value: string): Document {
  const escaped = Array.from({ length: value.length }, (_, i) => value.charCodeAt(i).toString(16).padStart(4, '0'));
  return { text: JSON.stringify(value), respelled: `"${escaped.map((hex) => `\\u${hex}`).join('')}"` };
}
