import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';

/**
 * The head of a store's seals at some moment, kept where who changes the database cannot change it. As every seal names
 * the one before by its hash, an anchor vouches for everything up to its seal.
 */
export type AuditAnchor = {
  readonly storeId: string;
  readonly number: number;
  /** `sealHash` of the seal. */
  readonly hash: string;
  readonly sealedAt: string;
  readonly keyId: string;
  /** With which the seals of that key can be checked, 32 bytes in base64. */
  readonly publicKey: string;
};

const anchorSchema: z.ZodType<AuditAnchor> = z.object({
  storeId: z.string(),
  number: z.int().positive(),
  hash: z.string(),
  sealedAt: z.string(),
  keyId: z.string(),
  publicKey: z.string(),
});

/** An anchor of a line, or undefined when the line is none. */
export function parseAnchor(line: string): AuditAnchor | undefined {
  try {
    return anchorSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

const CHUNK_BYTES = 64 * 1024;
const NEW_LINE = 0x0a;

/** The file of anchors: JSON lines, appended and flushed to the disk, never changed. */
export class AnchorFile {
  constructor(readonly path: string) {}

  /** Appends an anchor; resolves when it is on the disk. A line that a crash cut short is removed first. */
  async append(anchor: AuditAnchor): Promise<void> {
    const file = await open(this.path, 'a+', 0o600);
    try {
      const { size } = await file.stat();
      const whole = await endOfLastLine(file, size);
      if (whole < size) await file.truncate(whole);
      await file.write(`${JSON.stringify(anchor)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** The newest anchor of a store, found from the end. */
  async findLast(storeId: string): Promise<AuditAnchor | undefined> {
    const file = await openIfThere(this.path);
    if (!file) return undefined;
    try {
      for await (const line of linesFromEnd(file)) {
        const anchor = parseAnchor(line);
        if (anchor?.storeId === storeId) return anchor;
      }
      return undefined;
    } finally {
      await file.close();
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  for await (const { start, bytes } of chunksFromEnd(file, size)) {
    const at = bytes.lastIndexOf(NEW_LINE);
    if (at >= 0) return start + at + 1;
  }
  return 0;
}

async function* linesFromEnd(file: FileHandle): AsyncGenerator<string> {
  const { size } = await file.stat();
  let tail = Buffer.alloc(0);
  for await (const { bytes } of chunksFromEnd(file, size)) {
    let rest = Buffer.concat([bytes, tail]);
    for (let at = rest.lastIndexOf(NEW_LINE); at >= 0; at = rest.lastIndexOf(NEW_LINE)) {
      if (at + 1 < rest.length) yield rest.toString('utf8', at + 1);
      rest = rest.subarray(0, at);
    }
    tail = rest;
  }
  if (tail.length > 0) yield tail.toString('utf8');
}

async function* chunksFromEnd(file: FileHandle, size: number): AsyncGenerator<{ start: number; bytes: Buffer }> {
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    yield { start, bytes: buffer };
    end = start;
  }
}
