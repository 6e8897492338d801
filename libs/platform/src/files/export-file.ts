import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

/** What was written: the SHA-256 of the file as it lies there, in hexadecimal, and its length. */
export type ExportFile = { readonly sha256: string; readonly bytes: number };

const UNFINISHED = '.part';

/**
 * Writes lines, compressed (gzip), to a file that only its owner may read. It appears under its name when it is complete and
 * on the disk, and not at all when the lines end with an error. One of the same name is replaced. The directory is made.
 *
 * @param lines without line ends
 */
export async function writeExportFile(path: string, lines: AsyncIterable<string>): Promise<ExportFile> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unfinished = `${path}${UNFINISHED}`;
  await rm(unfinished, { force: true });
  const file = await open(unfinished, 'wx', 0o600);
  const digest = createHash('sha256');
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      digest.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  try {
    await pipeline(Readable.from(withEnds(lines)), createGzip(), counted, file.createWriteStream({ flush: true }));
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await flushDirectory(directory);
  return { sha256: digest.digest('hex'), bytes };
}

async function* withEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

/** A new name is on the disk once its directory is. */
async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Removes a file, and what an interrupted attempt to write it left. */
export async function removeExport(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}${UNFINISHED}`, { force: true });
}

/** The SHA-256 of a file in hexadecimal, or undefined when it is not there. */
export async function sha256OfFile(path: string): Promise<string | undefined> {
  const digest = createHash('sha256');
  try {
    await pipeline(createReadStream(path), digest);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return digest.digest('hex');
}

const GZIP_MAGIC = [0x1f, 0x8b] as const;

/**
 * The lines that a file has now, compressed or not, also when it grows meanwhile.
 *
 * @throws NodeJS.ErrnoException at once when there is no such file; and later, when it cannot be read or what is compressed is
 * damaged
 */
export async function readExportLines(path: string): Promise<AsyncIterable<string>> {
  const { size } = await stat(path);
  return linesUntil(path, size);
}

async function* linesUntil(path: string, size: number): AsyncGenerator<string> {
  const file = await open(path, 'r');
  const { buffer: start } = await file.read(Buffer.alloc(2), 0, 2, 0);
  const isCompressed = start[0] === GZIP_MAGIC[0] && start[1] === GZIP_MAGIC[1];
  const input = size === 0 ? Readable.from([]) : file.createReadStream({ start: 0, end: size - 1, autoClose: false });
  const text = isCompressed ? createGunzip() : new PassThrough();
  const flowing = pipeline(input, text);
  // Whatever goes wrong is told once, below.
  flowing.catch(() => undefined);
  try {
    yield* createInterface({ input: text, crlfDelay: Infinity });
    await flowing;
  } finally {
    input.destroy();
    text.destroy();
    await file.close();
  }
}
