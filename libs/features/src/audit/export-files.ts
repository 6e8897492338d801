import { readExportLines, sha256OfFile } from '@claviger/platform/files';
import { join } from 'node:path';
import type { ExportFiles } from './audit-chain.js';
import { parseRecord, type AuditRecord } from './audit-record.js';

/** The records of a file; undefined stands for what is none. @throws NodeJS.ErrnoException at once when there is no such file */
export async function readExport(path: string): Promise<AsyncIterable<AuditRecord | undefined>> {
  return records(await readExportLines(path));
}

async function* records(lines: AsyncIterable<string>): AsyncGenerator<AuditRecord | undefined> {
  try {
    for await (const line of lines) yield parseRecord(line);
  } catch (error) {
    if (!isDamaged(error)) throw error;
    yield undefined;
  }
}

/** zlib's codes of data that is not what gzip wrote, or ends too soon. */
function isDamaged(error: unknown): boolean {
  return ['Z_DATA_ERROR', 'Z_BUF_ERROR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The files of a directory by the names that the exports give them. */
export function exportFilesIn(directory: string): ExportFiles {
  return async ({ file }) => {
    // A name only: nobody who writes to the database chooses what is read.
    if (!/^audit-[0-9a-f-]+\.jsonl\.gz$/.test(file)) return undefined;
    const path = join(directory, file);
    const sha256 = await sha256OfFile(path);
    return sha256 === undefined ? undefined : { sha256, records: await readExport(path) };
  };
}
