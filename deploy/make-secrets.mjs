// Makes the secrets of docker-compose.yml, each once: node deploy/make-secrets.mjs [directory]
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.argv[2] ?? 'deploy/secrets';
// Only its owner gets into the directory. The files in it are mounted one by one, for users of other numbers to read.
mkdirSync(directory, { recursive: true, mode: 0o700 });

/** What stands in a file, made when it is not there: a second run changes nothing. */
function once(name, make) {
  const path = join(directory, name);
  if (!existsSync(path)) writeFileSync(path, make(), { mode: 0o444, flag: 'wx' });
  return readFileSync(path, 'utf8').trim();
}

const password = () => randomBytes(24).toString('base64url');

once('root-key', () => `${randomBytes(32).toString('base64')}\n`);
const postgres = once('postgres-password', password);
once('database-url', () => `postgres://claviger:${postgres}@postgres:5432/claviger`);
const redis = once('redis-password', password);
once('redis-url', () => `redis://:${redis}@redis:6379/0`);
// The queue only wakes workers: what Redis loses is found again, and it must rather refuse than forget.
once(
  'redis.conf',
  () => `requirepass ${redis}\nsave ""\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy noeviction\n`,
);
once('openbao-seal-key', () => randomBytes(32).toString('base64'));
console.log(`The secrets are in ${directory}. Keep a copy of root-key apart from the data.`);
