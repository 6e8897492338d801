import { describe, expect, it } from '@jest/globals';
import { isAppError, type AppError } from '@claviger/kernel';
import fc from 'fast-check';
import { capabilitiesOf } from './capability.js';
import { readJsonSource } from './json-source.js';
import { parsePolicy, POLICY_MAX_BYTES, POLICY_MAX_PATHS } from './policy-parser.js';

function refusalOf(text: string): AppError {
  try {
    parsePolicy(text);
  } catch (error) {
    if (isAppError(error, 'POLICY_INVALID')) return error;
    throw error;
  }
  throw new Error('was accepted');
}

const stanza = (fields: string): string => `{"path":{"a":{"capabilities":["read","list"],${fields}}}}`;

describe('parsePolicy', () => {
  // The caret marks the place that the error must name.
  it.each([
    ['a syntax error', '{"path":{"a":{"capabilities":["read"],^}}}', /property name expected/],
    [
      'a missing comma on a later line',
      '{\n  "path": {\n    "a": {"capabilities": ["read" ^"list"]}\n  }\n}',
      /comma expected/,
    ],
    ['a missing brace at the end', '{"path":{}\n^', /close brace expected/],
    ['text behind the end', '{"path":{}}\r\n ^x', /invalid symbol/],
    ['a comment', '{"path":{}} ^// all', /comment/],
    ['nothing', '^', /must begin with/],
    ['another notation', '\n  ^path "a" {\n}', /JSON/],
    ['a list at the top', '^[]', /must begin with/],
    ['an unknown top-level key', '{"path":{},\n^"paths":{}}', /unknown key "paths".*name, path/],
    ['a top-level key in capitals', '{^"Path":{}}', /unknown key "Path"/],
    ['a name that is no string', '{"name":^1}', /name must be a string/],
    ['a path that is no object', '{"path":^"a"}', /path must be an object/],
    ['a list of paths with something else in it', '{"path":[{},^1]}', /path must be an object/],
    ['a stanza that is no object', '{"path":{"a":^[]}}', /path "a" must be an object/],
    ['an unknown key', stanza('\n^"capability":[]'), /unknown key "capability" in path "a"; known are capabilities/],
    ['a key given twice', stanza('\n^"capabilities":["deny"]'), /"capabilities" is given twice/],
    [
      'an unknown capability',
      '{"path":{"a":{"capabilities":["read",\n\t^"reed"]}}}',
      /unknown capability "reed"; known are create/,
    ],
    ['a capability in capitals', '{"path":{"a":{"capabilities":[^"READ"]}}}', /unknown capability "READ"/],
    ['a capability that is no string', '{"path":{"a":{"capabilities":[^1]}}}', /must be a string/],
    ['capabilities that are no list', '{"path":{"a":{"capabilities":^"read"}}}', /capabilities must be a list/],
    ['an unknown capability behind deny', '{"path":{"a":{"capabilities":["deny",^"bogus"]}}}', /"bogus"/],
    ['an unknown old policy', '{"path":{"a":{"policy":^"reed"}}}', /unknown policy "reed"/],
    ['an old policy named like a property of objects', '{"path":{"a":{"policy":^"constructor"}}}', /unknown policy/],
    ['+*', '{"path":{\n^"k/+*":{}}}', /"\+\*" is not allowed/],
    ['a glob in the middle', '{"path":{^"k/*/a":{}}}', /only allowed as the last character/],
    ['two globs', '{"path":{^"k/**":{}}}', /only allowed as the last character/],
    ['a glob in front of a template', '{"path":{^"k/*{{identity.entity.id}}":{}}}', /last character/],
    ['an endless path', `{"path":{^"${'a'.repeat(3000)}":{}}}`, /longer than 2048/],
    ['an open template', '{"path":{^"k/{{identity.entity.id/a":{}}}', /do not pair/],
    ['a closed template that was never opened', '{"path":{^"k/}}":{}}}', /do not pair/],
    ['a bad duration', stanza('"min_wrapping_ttl":\n^"soon"'), /min_wrapping_ttl is not a duration/],
    ['a negative duration', stanza('"max_wrapping_ttl":^-1'), /max_wrapping_ttl is not a duration/],
    [
      'a maximum below the minimum',
      stanza('"min_wrapping_ttl":10,\n^"max_wrapping_ttl":"9s"'),
      /less than min_wrapping_ttl/,
    ],
    ['a bad time', stanza('"expiration":^"tomorrow"'), /expiration is not a time/],
    ['a day that does not exist', stanza('"expiration":^"2030-02-30T00:00:00Z"'), /expiration is not a time/],
    ['a negative page', stanza('"pagination_limit":^-1'), /whole number/],
    ['half a page', stanza('"pagination_limit":^1.5'), /whole number/],
    ['methods that are no list', stanza('"mfa_methods":^"totp"'), /mfa_methods must be a list/],
    ['a comment that is no string', stanza('"comment":^1'), /comment must be a string/],
    ['parameters that are no object', stanza('"allowed_parameters":^["a"]'), /allowed_parameters must be an object/],
    [
      'parameter values that are no list',
      stanza('"denied_parameters":{"a":^"b"}'),
      /denied_parameters "a" must be a list/,
    ],
    ['a number as a parameter value', stanza('"allowed_parameters":{"a":[^5]}'), /never match/],
    ['a parameter given twice', stanza('"allowed_parameters":{"a":[],\n^"A":[]}'), /given twice/],
    ['a required parameter that is no string', stanza('"required_parameters":[^1]'), /must be a string/],
    [
      'a list filter without the key',
      stanza('"list_scan_response_keys_filter_path":^"{{ .path }}"'),
      /must contain \{\{ .key \}\}/,
    ],
    [
      'a list filter with a function',
      stanza('"list_scan_response_keys_filter_path":^"{{ upper .key }}{{ .key }}"'),
      /only/,
    ],
    [
      'a list filter without list',
      '{"path":{"a":{"capabilities":["scan"],\n^"list_scan_response_keys_filter_path":"{{ .key }}"}}}',
      /needs the capability "list"/,
    ],
    ['a control group without a factor', stanza('"control_group":^{"ttl":"1h"}'), /at least one factor/],
    [
      'a factor without operations',
      stanza('"control_group":{"factor":{"f":^{"controlled_capabilities":[]}}}'),
      /needs controlled_cap/,
    ],
    ['a control group with an unknown key', stanza('"control_group":{^"tttl":"1h"}'), /unknown key "tttl"/],
    ['a control group with a bad ttl', stanza('"control_group":{"ttl":^"soon"}'), /not a duration/],
    [
      'a control group of an unknown operation',
      stanza('"control_group":{"factor":{"f":{"controlled_capabilities":[^"reed"]}}}'),
      /unknown controlled capability "reed"/,
    ],
    ['nesting without end', `{"path":${'['.repeat(31)}^${'['.repeat(100_000)}`, /nested deeper/],
  ])('refuses %s, naming the place', (_, marked, problem) => {
    const [before, after] = marked.split('^') as [string, string];
    const lines = before.split(/\r\n|\n/);
    const place = { line: lines.length, column: lines.at(-1)!.length + 1 };
    const error = refusalOf(before + after);
    expect(error.kind).toBe('invalid');
    expect(error.details).toMatchObject(place);
    expect(error.message).toContain(`line ${place.line}, column ${place.column}`);
    expect(error.message).toMatch(problem);
  });

  it('refuses a text that is too long', () => {
    const text = `{"name":"${'é'.repeat(POLICY_MAX_BYTES / 2)}"}`;
    expect(refusalOf(text).message).toContain(`at most ${POLICY_MAX_BYTES}`);
  });

  it('refuses too many paths, however they are spread', () => {
    const paths = (from: number, count: number): string =>
      `{${Array.from({ length: count }, (_, i) => `"p${from + i}":{}`).join()}}`;
    const text = (count: number): string => `{"path":[${paths(0, 1000)},${paths(1000, count - 1000)}]}`;
    expect(parsePolicy(text(POLICY_MAX_PATHS)).stanzas).toHaveLength(POLICY_MAX_PATHS);
    expect(refusalOf(text(POLICY_MAX_PATHS + 1)).message).toContain(`more than ${POLICY_MAX_PATHS} paths`);
  });

  it('never shows the values of parameter lists', () => {
    const error = refusalOf(stanza('"allowed_parameters":{"a":["canary-1",["canary-2"]]}'));
    expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain('canary');
  });

  it.each([
    ['one object', '{"path":{"a":{},"b":{}}}'],
    ['a list of objects', '{"path":[{"a":{}},{"b":{}}]}'],
    ['repeated keys', '{"path":{"a":{}},"name":"x","path":{"b":{}}}'],
  ])('accepts path as %s', (_, text) => {
    expect(parsePolicy(text).stanzas.map((parsed) => parsed.pattern)).toEqual(['a', 'b']);
  });

  it('keeps a pattern that is given twice, to be merged', () => {
    const { stanzas } = parsePolicy('{"path":{"a":{"capabilities":["read"]},"a":{"capabilities":["list"]}}}');
    expect(stanzas.map(({ mask }) => capabilitiesOf(mask))).toEqual([['read'], ['list']]);
  });

  it('accepts an empty policy', () => {
    expect(parsePolicy(' {} ').stanzas).toEqual([]);
  });

  it('reads every key of a path', () => {
    const text = stanza(`
      "comment": "why", "mfa_methods": ["totp"],
      "allowed_parameters": {"Data": [], "x": ["1*", true]}, "denied_parameters": {"y": []}, "required_parameters": ["Z"],
      "min_wrapping_ttl": "1m", "max_wrapping_ttl": 90, "pagination_limit": "50", "expiration": 1900000000,
      "list_scan_response_keys_filter_path": "{{ .path }}{{.key}}",
      "control_group": {"ttl": "1h", "self_auth_allowed": true, "factor": {"f": {"controlled_capabilities": ["read"]}}}`);
    expect(parsePolicy(text).stanzas[0]).toMatchObject({
      conditions: {
        allowed: new Map([
          ['data', []],
          ['x', ['1*', true]],
        ]),
        denied: new Map([['y', []]]),
        required: ['z'],
      },
      minWrappingTtlSeconds: 60,
      maxWrappingTtlSeconds: 90,
      paginationLimit: 50,
      expiresAt: new Date(1_900_000_000_000),
      listFilters: [['', { field: 'path' }, '', { field: 'key' }, '']],
      controlled: ['read'],
    });
  });
});

describe('readJsonSource', () => {
  it('accepts exactly what JSON.parse accepts', () => {
    const fragment = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '1',
      '-',
      '0',
      '.5',
      'e',
      'true',
      'nul',
      'l',
      ' ',
      '\n',
      '\\',
      '"',
      '\u0001',
      '//',
    );
    const text = fc.oneof(
      fc.json({ maxDepth: 6 }),
      fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join('')),
    );
    const accepts = (read: (text: string) => unknown, input: string): boolean => {
      try {
        read(input);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(text, (input) => {
        expect(accepts(readJsonSource, input)).toBe(accepts(JSON.parse, input));
      }),
      { numRuns: 2000 },
    );
  });
});
