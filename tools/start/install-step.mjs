import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runStep } from './progress.mjs';
import { root } from './root.mjs';

const LOCK = join(root, 'package-lock.json');
const STAMP = join(root, 'node_modules/.claviger-install');

/**
 * Installs the packages unless exactly those of package-lock.json are there, whoever installed them. Not by `npm ci`:
 * it refuses when a registry lacks an optional package of some other platform, which `install` passes over.
 */
export async function ensureInstalled() {
  const wanted = stamp();
  const found = read(STAMP);
  if (found === wanted) return;
  const isOtherPlatform = found !== undefined && platformOf(found) !== platformOf(wanted);
  if (isOtherPlatform || !isInstalled()) {
    await runStep({
      title: 'Installing packages',
      ...npm(['install', '--no-save', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']),
    });
  }
  writeFileSync(STAMP, wanted);
}

/** The npm that runs us, so that no other version is mixed in; else the one in PATH. */
function npm(args) {
  const own = process.env.npm_execpath;
  return own?.endsWith('.js') ? { file: process.execPath, args: [own, ...args] } : { file: 'npm', args };
}

/** The packages differ between platforms: a folder shared between two of them is installed anew. */
function stamp() {
  const hash = createHash('sha256').update(readFileSync(LOCK)).digest('hex');
  return `${process.platform}-${process.arch} ${hash}\n`;
}

function platformOf(text) {
  return text.split(' ')[0];
}

/** True when npm's own record of what it installed agrees with package-lock.json for this platform. */
function isInstalled() {
  const record = read(join(root, 'node_modules/.package-lock.json'));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  const wanted = Object.entries(JSON.parse(readFileSync(LOCK, 'utf8')).packages);
  return wanted.every(
    ([path, wants]) => path === '' || !isForHere(wants) || installed[path]?.version === wants.version,
  );
}

/** Optional packages name the platforms that they are for; one that names a C library may be missing rightly. */
function isForHere({ optional, os, cpu, libc }) {
  if (!optional) return true;
  return !libc && (os?.includes(process.platform) ?? false) && (cpu?.includes(process.arch) ?? false);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
