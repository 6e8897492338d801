import { failure, renaming, secret, type Mutants } from './mutation.js';

const cutAt = (character: string) => (name: string) => name.split(character)[0]!;
const htmlEscaped = (name: string): string =>
  name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const bytes = (name: string): number => Buffer.byteLength(name);

export const NAME_MUTANTS: Mutants = {
  'keeps a name with spaces apart from all others': renaming('purge', cutAt(' ')),
  'keeps a name with a percent sign apart from all others': renaming('purge', (name) => name.replace(/%$/, '')),
  'keeps a name with what looks percent-encoded apart from all others': renaming('read', decodeURIComponentLeniently),
  'keeps a name with a hash sign apart from all others': renaming('purge', cutAt('#')),
  'keeps a name with a question mark apart from all others': renaming('purge', cutAt('?')),
  'keeps a name with an equals sign apart from all others': renaming('destroy', (name) =>
    name.replace(/^(\w+)=.*/, '$1&'),
  ),
  'keeps a name with a plus sign apart from all others': renaming('purge', (name) => name.replaceAll('+', ' ')),
  'keeps a name with an apostrophe apart from all others': renaming('purge', (name) => name.replace(/'.*/, '&')),
  'keeps a name with double quotes apart from all others': renaming('put', (name) => name.replaceAll('"', '&quot;')),
  'keeps a name with an ampersand apart from all others': renaming('destroy', (name) => name.replace('q&r', 'q&amp;r')),
  'keeps a name with angle brackets apart from all others': renaming('put', (name) =>
    name.includes('<') ? htmlEscaped(name) : name,
  ),
  'keeps a name with a semicolon apart from all others': renaming('purge', (name) => name.replace(/;b=.*/, '')),
  'keeps a name with a template expression apart from all others': renaming('read', (name) =>
    name.replace(/{{(\w+)}}/, '$1'),
  ),
  'keeps a name with an asterisk apart from all others': (real, vault) => ({
    purge: async (call, name) => {
      const isHit = (one: string): boolean => (name.endsWith('*') ? one.startsWith(name.slice(0, -1)) : one === name);
      for (const one of [name, ...vault.snapshot().keys()]) if (isHit(one)) await real.purge(call, one);
    },
  }),
  'keeps a name with letters beyond ASCII apart from all others': renaming('destroy', (name) => name.normalize('NFD')),
  'keeps a name with characters beyond the basic plane apart from all others': renaming('read', (name) =>
    name.replace(/\p{Emoji_Presentation}/u, '?'),
  ),
  'keeps a name with sys/health inside apart from all others': (real) => ({
    read: async (call, name, version) => {
      const swallowed = name.includes('sys/health') && name.startsWith('prod');
      return real.read(call, name, version).catch((error: unknown) => {
        if (!swallowed) throw error;
        return { content: secret('{}'), version: undefined };
      });
    },
  }),
  'keeps a name with words of a vault API apart from all others': renaming('purge', (name) =>
    name.replace(/^data\/metadata/, 'metadata'),
  ),
  'keeps a name with a leading dot apart from all others': (real) => ({
    list: async (call, query) => {
      const page = await real.list(call, query);
      return { ...page, names: page.names.filter((name) => !/^\.[a-z]/.test(name)) };
    },
  }),
  'keeps a name with dots between slashes apart from all others': renaming('read', (name) =>
    name.replace('/.../', '/'),
  ),
  'keeps a name with words of JavaScript apart from all others': (real) => ({
    read: async (call, name, version) => {
      if (name in {}) throw failure('NOT_FOUND', 'read');
      return real.read(call, name, version);
    },
  }),
  'keeps a name with twenty folders apart from all others': (real) => ({
    list: async (call, query) => {
      const page = await real.list(call, query);
      return { ...page, names: page.names.filter((name) => name.split('/').length < 21) };
    },
  }),
  'keeps names apart that differ in case only': renaming('purge', (name) => name.toLowerCase()),
  'keeps an object apart from those below its name': (real, vault) => ({
    destroy: async (call, name, versions) => {
      const below = [...vault.snapshot().keys()].filter((one) => one.startsWith(`${name}/`));
      for (const one of [name, ...below]) await real.destroy(call, one, versions);
    },
  }),
  'keeps an object apart from the one above its name': renaming('destroy', (name) => name.replace(/\/user$/, '')),
  'accepts a name of the greatest length': renaming('create', (name) => (bytes(name) === 512 ? `${name}!` : name)),
  'refuses a name that is one byte too long with INVALID_NAME': renaming('read', (name) => name.slice(0, 512)),
  'counts the bytes of a name, not its characters': renaming('put', (name) =>
    name.length <= 512 && bytes(name) > 512 ? 'short' : name,
  ),
  'refuses to write under a name that is no path, or climbs, with INVALID_NAME': renaming('create', (name) =>
    name.replace(/\/\.\.$/, ''),
  ),
  'refuses to read or purge a name that is no path, or climbs, with INVALID_NAME': renaming('purge', (name) =>
    name.replace('a//b', 'a/b'),
  ),
};

function decodeURIComponentLeniently(name: string): string {
  return name.replace(/%4[0-9]/g, (hex) => decodeURIComponent(hex));
}
