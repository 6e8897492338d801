import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseAnchor } from '@claviger/features/audit';
import { reportKeysOf, verifyReport, type ReportManifest, type ReportVerdict } from '@claviger/features/reports';

export const REPORT_USAGE = `Usage: npm run report -- verify <document> --signature <file> [--key <file>] [--anchors <file>]

verify   checks that a document is, to the byte, the report that was signed, and says what it is; needs no connection
  --signature  what /api/v1/reports/<id>/documents/<format>/signature answered
  --key        the public keys that you trust: what /api/v1/report-keys answered, one JSON Web Key, or a key in PEM
  --anchors    the anchors of the audit log, to find the seal in that the report was drawn under`;

type Files = {
  readonly document: string;
  readonly signature: string;
  readonly key: string | undefined;
  readonly anchors: string | undefined;
};

/** More is no signature and no key. */
const MAX_SMALL_BYTES = 1024 * 1024;

/**
 * `npm run report`: works on files alone.
 *
 * @returns the exit code: 0 genuine, 1 not, 2 wrong usage or a file that cannot be used
 */
export async function runReport(argv: readonly string[], out: (line: string) => void): Promise<number> {
  const files = parse(argv);
  if (!files) {
    out(REPORT_USAGE);
    return 2;
  }
  try {
    return await verify(files, out);
  } catch (error) {
    if (!isFileError(error)) throw error;
    out(`${error.path === undefined ? 'A file' : `The file ${error.path}`} cannot be used (${error.code}).`);
    return 2;
  }
}

function parse(argv: readonly string[]): Files | undefined {
  try {
    const text = { type: 'string' } as const;
    const { positionals, values } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { signature: text, key: text, anchors: text },
    });
    const [name, document, ...more] = positionals;
    const { signature, key, anchors } = values;
    const isGood = name === 'verify' && document !== undefined && more.length === 0 && signature !== undefined;
    return isGood ? { document, signature, key, anchors } : undefined;
  } catch {
    return undefined;
  }
}

async function verify(files: Files, out: (line: string) => void): Promise<number> {
  const trusted = files.key === undefined ? undefined : reportKeysOf(await readSmall(files.key));
  if (files.key !== undefined && !trusted) {
    out(`The file ${files.key} holds no Ed25519 public key: a JSON Web Key Set, a JSON Web Key or PEM is needed.`);
    return 2;
  }
  const verdict = await verifyReport(await factsOf(files.document), await readSmall(files.signature), trusted);
  if (!verdict.isGenuine) {
    out(`NOT GENUINE: ${verdict.reason}`);
    return 1;
  }
  const anchoring = files.anchors === undefined ? undefined : await findAnchor(files.anchors, verdict.manifest);
  for (const line of describe(verdict, anchoring)) out(line);
  return anchoring === 'differs' ? 1 : 0;
}

/** `missing`: the anchors say nothing about that seal; `differs`: they know another one of its number. */
type Anchoring = 'matches' | 'differs' | 'missing';

async function findAnchor(path: string, { seal }: ReportManifest): Promise<Anchoring> {
  const file = await open(path, 'r');
  try {
    for await (const line of file.readLines()) {
      const anchor = parseAnchor(line);
      if (seal && anchor?.storeId === seal.storeId && anchor.number === seal.number)
        return anchor.hash === seal.hash ? 'matches' : 'differs';
    }
    return 'missing';
  } finally {
    await file.close();
  }
}

function describe(verdict: ReportVerdict & { isGenuine: true }, anchoring: Anchoring | undefined): string[] {
  const { manifest, keyId, keySource } = verdict;
  const { kind, moment, drawnAt, requestedBy, parameters, seal, document, reportId, storeId } = manifest;
  const isTrusted = keySource === 'trusted';
  return [
    anchoring === 'differs'
      ? 'NOT GENUINE: the anchors know another seal of that number.'
      : 'GENUINE: every byte is as it was signed.',
    `Report: ${kind} as of ${moment} (${document.format}, ${document.bytes} bytes), ${reportId} of store ${storeId}.`,
    `Parameters: ${JSON.stringify(parameters)}.`,
    `Drawn: ${drawnAt}, asked for by ${requestedBy.name} (${requestedBy.id}).`,
    seal ? `Audit seal: number ${seal.number} of ${seal.sealedAt}, ${seal.hash}.` : 'Audit seal: none was there yet.',
    ...(anchoring === undefined ? [] : [`Anchors: ${ANCHORINGS[anchoring]}`]),
    isTrusted
      ? `Signature: by ${keyId}, one of the keys given.`
      : `Signature: by ${keyId}, the key in the signature itself, which whoever made it could have chosen. Give --key to be sure.`,
  ];
}

const ANCHORINGS: Readonly<Record<Anchoring, string>> = {
  matches: 'they know that seal.',
  differs: 'they know another seal of that number.',
  missing: 'they say nothing about that seal.',
};

async function factsOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** The beginning of a file: what is longer is none of those that are read so. */
async function readSmall(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_SMALL_BYTES), 0, MAX_SMALL_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A directory fails when it is read, and that error has no path. */
function isFileError(error: unknown): error is { readonly code: string; readonly path?: string } {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return typeof code === 'string' && typeof syscall === 'string';
}
