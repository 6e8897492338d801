import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readExportLines, removeExport, sha256OfFile, writeExportFile } from './export-file.js';

describe('export files', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'claviger-files-'));
  });
  afterAll(() => rm(root, { recursive: true }));

  async function* of(...lines: (string | Error)[]): AsyncGenerator<string> {
    for (const line of lines) {
      if (line instanceof Error) throw line;
      yield line;
    }
  }
  const read = async (path: string): Promise<string[]> => {
    const lines: string[] = [];
    for await (const line of await readExportLines(path)) lines.push(line);
    return lines;
  };

  it('are compressed, for their owner only, and named by what lies on the disk', async () => {
    const path = join(root, 'new', 'a.gz');
    const { sha256, bytes } = await writeExportFile(path, of('one', 'zwei ü'));
    const stored = await readFile(path);
    expect(gunzipSync(stored).toString()).toBe('one\nzwei ü\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(root, 'new'))).mode & 0o777).toBe(0o700);
    expect({ sha256, bytes }).toEqual({
      sha256: createHash('sha256').update(stored).digest('hex'),
      bytes: stored.length,
    });
    expect(await sha256OfFile(path)).toBe(sha256);
    expect(await read(path)).toEqual(['one', 'zwei ü']);
  });

  it('do not appear when what they are made of ends with an error, and leave the one before as it was', async () => {
    const path = join(root, 'kept', 'a.gz');
    await writeExportFile(path, of('before'));
    await expect(writeExportFile(path, of('after', new Error('broken')))).rejects.toThrow('broken');
    expect(await read(path)).toEqual(['before']);
    expect(await readdir(join(root, 'kept'))).toEqual(['a.gz']);
  });

  it('are written again over what a crash left', async () => {
    const path = join(root, 'again.gz');
    await writeFile(`${path}.part`, 'half');
    await writeExportFile(path, of('whole'));
    expect(await read(path)).toEqual(['whole']);
    await expect(stat(`${path}.part`)).rejects.toThrow('ENOENT');
  });

  it('are read as they are when they are not compressed', async () => {
    const path = join(root, 'plain');
    await writeFile(path, 'a\nb\n');
    expect(await read(path)).toEqual(['a', 'b']);
    await writeFile(path, '');
    expect(await read(path)).toEqual([]);
  });

  it('are refused at once when they are not there, and at the end when they are cut', async () => {
    await expect(readExportLines(join(root, 'absent'))).rejects.toThrow('ENOENT');
    expect(await sha256OfFile(join(root, 'absent'))).toBeUndefined();
    const path = join(root, 'cut.gz');
    await writeExportFile(path, of('a'.repeat(5_000), 'b'));
    await writeFile(path, (await readFile(path)).subarray(0, 20));
    await expect(read(path)).rejects.toThrow();
  });

  it('are removed with what an attempt left', async () => {
    const path = join(root, 'gone.gz');
    await writeExportFile(path, of('a'));
    await appendFile(`${path}.part`, 'half');
    await removeExport(path);
    expect(await sha256OfFile(path)).toBeUndefined();
    await expect(stat(`${path}.part`)).rejects.toThrow('ENOENT');
  });
});
