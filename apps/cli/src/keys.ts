import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  findRootKey,
  makeNextRootKey,
  promoteNextRootKey,
  replacedRootKeyPath,
  rootKeyPath,
} from '@claviger/composition';
import {
  KeyRotationService,
  KeyRotator,
  KeysModule,
  KeyStatusService,
  ROTATION_KINDS,
  type KeyRotationEntity,
  type KeyStatus,
  type RotationKind,
} from '@claviger/features/keys';
import { newId, systemContext, type RequestContext } from '@claviger/kernel';
import type { Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { openApplication } from './application.js';
import type { StoredData } from './stored-data.js';

export const KEYS_USAGE = `Usage: npm run keys -- status
       npm run keys -- rotate root|kek|data|fingerprint [--wait]

status  tells which keys there are, and how far their rotations have come
rotate  replaces a key; workers go on with it, or with --wait (and always on an embedded database) this command does`;

const LOOK_EVERY_MS = 1_000;
const OVER: readonly KeyRotationEntity['state'][] = ['settling', 'done'];

/** What the command works with. */
export type KeysCommand = {
  readonly open: () => Promise<StoredData>;
  /** Where the root key was given by a variable, its file is nothing to this command. */
  readonly isRootKeyGiven: boolean;
  /** True when nobody else works on the database. */
  readonly isAlone: boolean;
  /** Prints one line. */
  readonly out: (line: string) => void;
};

type Parsed = { readonly kind?: RotationKind; readonly waits: boolean };

/**
 * `npm run keys`.
 *
 * @returns the exit code: 0 done, 2 wrong usage
 */
export async function runKeys(argv: readonly string[], command: KeysCommand): Promise<number> {
  const parsed = parse(argv);
  if (!parsed) {
    command.out(KEYS_USAGE);
    return 2;
  }
  const { config } = await command.open();
  if (parsed.kind === 'root') await rotateRoot(config, command);
  else await withApplication(config, (app, ctx) => act(app, ctx, parsed, command));
  return 0;
}

function parse(argv: readonly string[]): Parsed | undefined {
  try {
    const options = { wait: { type: 'boolean', default: false } } as const;
    const { positionals, values } = parseArgs({ args: [...argv], allowPositionals: true, options });
    const [verb, name, ...more] = positionals;
    if (more.length > 0) return undefined;
    if (verb === 'status' && name === undefined && !values.wait) return { waits: false };
    const kind = ROTATION_KINDS.find((one) => one === name);
    return verb === 'rotate' && kind !== undefined ? { kind, waits: values.wait } : undefined;
  } catch {
    return undefined;
  }
}

async function withApplication(
  config: Config,
  work: (app: INestApplicationContext, ctx: RequestContext) => Promise<void>,
): Promise<void> {
  const app = await openApplication(config, [KeysModule]);
  try {
    await work(app, systemContext({ requestId: newId(), storeId: app.get(Keyring).rootStoreId, job: 'keys.command' }));
  } finally {
    await app.close();
  }
}

async function act(
  app: INestApplicationContext,
  ctx: RequestContext,
  { kind, waits }: Parsed,
  { isAlone, out }: KeysCommand,
): Promise<void> {
  if (kind === undefined) {
    const status = await app.get(KeyStatusService, { strict: false }).get(ctx);
    for (const line of describeStatus(status)) out(line);
    return;
  }
  const rotations = app.get(KeyRotationService, { strict: false });
  let rotation = await rotations.start(ctx, kind);
  out(`Rotation ${rotation.id} of the ${kind} key has begun.`);
  if (!waits && !isAlone) return;
  const rotator = app.get(KeyRotator, { strict: false });
  for (let said = ''; ; await sleep(LOOK_EVERY_MS)) {
    await rotator.advance(ctx);
    rotation = await rotations.get(ctx, rotation.id);
    const line = describeRotation(rotation);
    if (line !== said) out(line);
    said = line;
    if (OVER.includes(rotation.state)) return;
  }
}

/**
 * With the key in a file: the new key is on disk before anything is sealed under it, and takes the file's place after
 * everything is. Whatever a crash leaves, the next start finds the one that opens the data.
 */
async function rotateRoot(config: Config, { isRootKeyGiven, out }: KeysCommand): Promise<void> {
  const { dataDir } = config.storage;
  const rotate = (app: INestApplicationContext, ctx: RequestContext): Promise<KeyRotationEntity> =>
    app.get(KeyRotationService, { strict: false }).start(ctx, 'root');
  if (isRootKeyGiven) {
    await withApplication(config, async (app, ctx) => {
      const { toKeyId } = await rotate(app, ctx);
      out(`The data is sealed under the root key ${toKeyId}. CLAVIGER_ROOT_KEY_PREVIOUS is not needed any more.`);
    });
    return;
  }
  const rootKeyPrevious = findRootKey(dataDir)!.reveal();
  const security = { ...config.security, rootKey: makeNextRootKey(dataDir).reveal(), rootKeyPrevious };
  await withApplication({ ...config, security }, async (app, ctx) => {
    const { fromKeyId } = await rotate(app, ctx);
    promoteNextRootKey(dataDir);
    out(`The new root key is in ${rootKeyPath(dataDir)}: keep a copy of it apart from the data.`);
    out(`The old one is in ${replacedRootKeyPath(dataDir, fromKeyId!)}: backups made before now need it.`);
  });
}

/** One line for each key and each rotation that is not done. */
export function describeStatus({ keys, rotations }: KeyStatus): string[] {
  return [
    ...keys.map(({ kind, id, isActive, createdAt }) => {
      const since = createdAt === null ? '' : `  since ${createdAt.toISOString()}`;
      return `${kind.padEnd(11)} ${id}  ${isActive ? 'in force' : 'older   '}${since}`;
    }),
    ...rotations.map(({ rotation, waitsFor }) => {
      const waiting = waitsFor.map(({ kind, id }) => `${kind} ${id}`).join(', ');
      return `${describeRotation(rotation)}${waiting && ` It waits for ${waiting}.`}`;
    }),
  ];
}

function describeRotation({ kind, state, done, total, failed, settlesAt }: KeyRotationEntity): string {
  const left = failed === '0' ? '' : ` ${failed} could not be renewed.`;
  switch (state) {
    case 'adding':
      return `${kind}: processes learn of the new key.`;
    case 'switching':
      return `${kind}: the new key is in force, and processes learn that.`;
    case 'renewing':
      return `${kind}: ${done} of about ${total} renewed.`;
    case 'settling':
      return `${kind}: ${done} renewed.${left} The old key is destroyed after ${settlesAt!.toISOString()}, when nothing needs it.`;
    case 'done':
      return `${kind}: ${done} renewed.${left}`;
  }
}
