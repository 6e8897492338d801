import { access, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import type { Clock } from '@claviger/kernel';
import {
  describeReport,
  exportFilesIn,
  keysOfStore,
  parseAnchor,
  publicKeys,
  readAuditChain,
  readExport,
  verifyAudit,
  writeRecord,
  type AuditAnchor,
  type AuditRecord,
  type AuditReport,
} from '@claviger/features/audit';
import type { Keyring } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';
import { readExportLines } from '@claviger/platform/files';

/** What the command works with. */
export type AuditCommand = {
  /** Opens the database and the keys; not called where an export is checked. */
  readonly open: () => Promise<{ readonly database: Database; readonly keyring: Keyring }>;
  /** Where the anchors are when `--anchors` does not say. */
  readonly anchorFile: string | undefined;
  /** Where the files of dropped days are when `--files` does not say. */
  readonly exportDirectory: string | undefined;
  readonly clock: Clock;
  /** Prints one line. */
  readonly out: (line: string) => void;
};

export const AUDIT_USAGE = `Usage: npm run audit -- verify [--files <directory>] [--anchors <file>]
       npm run audit -- verify --export <file> [--export <file> …] [--anchors <file>]
       npm run audit -- export <file>

verify   checks every entry and seal of the database, with the files of dropped days where they are found,
         or of exports alone, and names the first broken link
export   writes the whole log to a file, one JSON object a line, that can be verified elsewhere`;

type Options = {
  readonly export?: readonly string[] | undefined;
  readonly anchors?: string | undefined;
  readonly files?: string | undefined;
};

/**
 * `npm run audit`.
 *
 * @returns the exit code: 0 intact or done, 1 broken, 2 wrong usage or a file that cannot be used
 */
export async function runAudit(argv: readonly string[], command: AuditCommand): Promise<number> {
  const parsed = parse(argv);
  if (!parsed) {
    command.out(AUDIT_USAGE);
    return 2;
  }
  try {
    return 'exportTo' in parsed ? await exportTo(parsed.exportTo, command) : await verify(parsed.verify, command);
  } catch (error) {
    if (!isFileError(error)) throw error;
    command.out(`The file ${error.path} cannot be used (${error.code}).`);
    return 2;
  }
}

function parse(argv: readonly string[]): { readonly verify: Options } | { readonly exportTo: string } | undefined {
  try {
    const { positionals, values } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { export: { type: 'string', multiple: true }, anchors: { type: 'string' }, files: { type: 'string' } },
    });
    const [name, file, ...more] = positionals;
    const isOneOrOther = values.export === undefined || values.files === undefined;
    if (name === 'verify' && file === undefined && isOneOrOther) return { verify: values };
    const isPlain = more.length === 0 && Object.keys(values).length === 0;
    return name === 'export' && file !== undefined && isPlain ? { exportTo: file } : undefined;
  } catch {
    return undefined;
  }
}

async function exportTo(path: string, { open: openStore, clock, out }: AuditCommand): Promise<number> {
  const { database, keyring } = await openStore();
  const file = await open(path, 'wx', 0o600);
  let entries = 0;
  let seals = 0;
  const lines = async function* (): AsyncGenerator<string> {
    for await (const record of readAuditChain({ database, keyring, clock }, keyring.rootStoreId)) {
      // Nothing is unreadable where no files are read.
      if (!record) continue;
      if (record.kind === 'batch') entries += record.entries.length;
      if (record.kind === 'seal') seals += 1;
      yield `${writeRecord(record)}\n`;
    }
  };
  try {
    await pipeline(Readable.from(lines()), file.createWriteStream({ flush: true }));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  out(`Wrote ${entries} entries and ${seals} seals to ${path}.`);
  return 0;
}

async function verify(options: Options, command: AuditCommand): Promise<number> {
  const report = await (options.export === undefined
    ? verifyDatabase(options, command)
    : verifyExport(options.export, options.anchors));
  for (const line of describeReport(report)) command.out(line);
  return report.isIntact ? 0 : 1;
}

async function verifyDatabase({ anchors: given, files }: Options, command: AuditCommand): Promise<AuditReport> {
  const { database, keyring } = await command.open();
  const storeId = keyring.rootStoreId;
  const path = given ?? (await ifThere(command.anchorFile));
  const directory = files ?? command.exportDirectory;
  // The anchors first: whatever they name is in the database by then.
  const anchors = path === undefined ? undefined : await anchorsOf(path, storeId);
  const source = { database, keyring, clock: command.clock };
  return verifyAudit({
    records: readAuditChain({ ...source, ...(directory && { files: exportFilesIn(directory) }) }, storeId),
    keys: keysOfStore(keyring, storeId),
    ...(anchors && { anchors }),
  });
}

async function verifyExport(paths: readonly string[], anchorPath: string | undefined): Promise<AuditReport> {
  const ordered = await inOrder(paths);
  const records = recordsOf(ordered.map(({ path }) => path));
  if (anchorPath === undefined) return verifyAudit({ records });
  const { storeId } = ordered[0]!;
  const trusted = new Map<string, string>();
  for await (const { keyId, publicKey } of await anchorsOf(anchorPath, storeId)) trusted.set(keyId, publicKey);
  const anchors = await anchorsOf(anchorPath, storeId);
  return verifyAudit({ records, anchors, ...(trusted.size > 0 && { keys: publicKeys('anchors', trusted) }) });
}

async function* recordsOf(paths: readonly string[]): AsyncGenerator<AuditRecord | undefined> {
  for (const path of paths) yield* await readExport(path);
}

type Headed = { readonly path: string; readonly storeId: string; readonly firstSeal: number };

/** Files of dropped days in the order of their seals, whatever the order in which they were named. */
async function inOrder(paths: readonly string[]): Promise<Headed[]> {
  const headed: Headed[] = [];
  for (const path of paths) {
    let head: Headed = { path, storeId: '', firstSeal: 0 };
    for await (const record of await readExport(path)) {
      if (record?.kind === 'export') head = { path, storeId: record.storeId, firstSeal: record.part?.firstSeal ?? 0 };
      break;
    }
    headed.push(head);
  }
  return headed.toSorted((a, b) => a.firstSeal - b.firstSeal);
}

/** The anchors of a store that are in the file by now. A line that a crash cut short is no anchor. */
async function anchorsOf(path: string, storeId: string): Promise<AsyncIterable<AuditAnchor>> {
  const lines = await readExportLines(path);
  return (async function* () {
    for await (const line of lines) {
      const anchor = parseAnchor(line);
      if (anchor?.storeId === storeId) yield anchor;
    }
  })();
}

async function ifThere(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return access(path).then(
    () => path,
    () => undefined,
  );
}

function isFileError(error: unknown): error is { readonly code: string; readonly path: string } {
  const { code, path } = (error ?? {}) as { code?: unknown; path?: unknown };
  return typeof code === 'string' && typeof path === 'string';
}
