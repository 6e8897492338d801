import { isVaultError, type VaultContent } from '../../contract/index.js';
import {
  altered,
  onFailure,
  reading,
  rewriting,
  secret,
  tamper,
  textOf,
  type Mutant,
  type Mutants,
} from './mutation.js';

const MAX = 128 * 1024;
const bytes = (content: unknown): number => Buffer.byteLength(textOf(content));

/** An inexact number, refused by a pointer that is not the field's. */
const misnaming = (pointer: string, by: string): Mutant =>
  onFailure(
    'put',
    (error) => error.details?.['pointer'] === pointer,
    (error) => {
      throw altered(error, { details: { ...error.details, pointer: by } });
    },
  );

export const VALUE_MUTANTS: Mutants = {
  'keeps nested objects and arrays': rewriting('"y","x","y"', '"y","x"'),
  'keeps fifty levels of nesting': rewriting(/^({"a":\[){20}.*$/s, '{"a":"too deep"}'),
  'keeps null, true and false': rewriting('"nothing":null', '"nothing":""'),
  'keeps empty strings and empty containers': rewriting(',"inside":{"blank":""}', ',"inside":{}'),
  'keeps the empty key': rewriting('{"":', '{"_":'),
  'keeps strings that look like other types': rewriting('"0123"', '123'),
  'keeps the white space of strings': rewriting('-----\\n"', '-----"'),
  'keeps letters of all scripts and their exact form': rewriting('e\u0301', '\u00e9'),
  'keeps control characters in strings': rewriting('\\u0000', ''),
  'keeps characters that HTML and shells know': rewriting('&amp;', '&'),
  'keeps keys named like members of JavaScript objects': rewriting('"__proto__":{"admin":true},', ''),
  'keeps keys with dots, slashes, tildes and spaces': rewriting('"a.b":"1"', '"a":{"b":"1"}'),
  'keeps four hundred keys': rewriting(',"key-399":"v399"}', '}'),
  'keeps two thousand keys, or refuses it with TOO_LARGE': rewriting(',"key-1999":"v1999"}', '}'),
  'keeps numbers that a double holds': rewriting('9007199254740991', '9007199254740990'),
  'keeps 1.10': rewriting('"price":1.10', '"price":1.1000000000000001'),
  'keeps negative zero and other spellings of zero': rewriting('"a":-0', '"a":-1'),
  'keeps a whole number of twenty digits': rewriting('"n":12345678901234567890', '"n":12345678901234567000'),
  'keeps a decimal of twenty-three digits': rewriting('-0.12345678901234567890123', '-0.12345678901234568'),
  'refuses a whole number of twenty digits with INVALID_VALUE, naming the field': (real) => ({
    put: (call, name, content, condition) =>
      real.put(
        call,
        name,
        secret(textOf(content).replace('"n":12345678901234567890', '"n":12345678901234567000')),
        condition,
      ),
  }),
  'refuses a decimal of twenty-three digits with INVALID_VALUE, naming the field': misnaming('/a/n', 'n'),
  'refuses an inexact number in an array with INVALID_VALUE, naming the field': misnaming('/a~1b/1/m~0n', '/a/b/1/m~n'),
  'keeps 1e400, or refuses it with INVALID_VALUE': rewriting('"huge":1e400', '"huge":1.7976931348623157e308'),
  'keeps a content of 64 KiB': reading((text) => (text.length === 64 * 1024 ? text.replace('x"}', '"}') : text)),
  'keeps a content of the greatest size': reading((text) => (text.length === MAX ? text.replace('x"}', '"}') : text)),
  'refuses a content that is one byte too large with TOO_LARGE': (real) => ({
    create: (call, name, content, metadata) =>
      real.create(call, name, bytes(content) === MAX + 1 && !metadata ? secret('{}') : content, metadata),
  }),
  'counts the bytes of a content, not its characters': (real) => ({
    create: (call, name, content, metadata) =>
      real.create(call, name, textOf(content).length < MAX && bytes(content) > MAX ? secret('{}') : content, metadata),
  }),
  'leaves an object as it is when an update is too large': (real) => ({
    put: async (call, name, content, condition) => {
      if (bytes(content) > MAX) await real.put(call, name, secret('{}'));
      return real.put(call, name, content, condition);
    },
  }),
  'leaves no metadata behind when a creation is refused for its content': (real, vault) => ({
    create: (call, name, content, metadata) =>
      real.create(call, name, content, metadata).catch((error: unknown) => {
        if (metadata && isVaultError(error, 'TOO_LARGE')) tamper(vault, name, (object) => ({ ...object, metadata }));
        throw error;
      }),
  }),
  'gives content wrapped, so that printing a result shows nothing': (real) => ({
    read: async (call, name, version) => {
      const { content, version: found } = await real.read(call, name, version);
      const text = textOf(content);
      return { content: { text, reveal: () => text } as unknown as VaultContent, version: found };
    },
  }),
};
