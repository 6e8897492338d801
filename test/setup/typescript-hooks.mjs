// Lets plain Node import the project's TypeScript, aliases included: Jest loads its global set-up outside its own
// module system, where neither `transform` nor `moduleNameMapper` applies.
import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

const root = new URL('../../', import.meta.url);
const aliases = Object.entries(
  JSON.parse(await readFile(new URL('tsconfig.json', root), 'utf8')).compilerOptions.paths,
);

export function resolve(specifier, context, next) {
  const aliased = resolveAlias(specifier);
  if (aliased) return { url: aliased, format: 'module', shortCircuit: true };
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, format: 'module', shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith(root.href) || !url.endsWith('.ts')) return next(url, context);
  const { code } = await transform(await readFile(new URL(url), 'utf8'), {
    filename: fileURLToPath(url),
    swcrc: false,
    sourceMaps: 'inline',
    module: { type: 'es6' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    },
  });
  return { format: 'module', source: code, shortCircuit: true };
}

function resolveAlias(specifier) {
  for (const [alias, [target]] of aliases) {
    const prefix = alias.replace('*', '');
    if (alias.endsWith('*') ? specifier.startsWith(prefix) : specifier === alias)
      return new URL(target.replace('*', specifier.slice(prefix.length)), root).href;
  }
  return undefined;
}
