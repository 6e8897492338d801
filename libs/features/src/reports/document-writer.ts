import { createHash, type Hash } from 'node:crypto';
import { reportTooLarge } from './report.errors.js';
import type { Conclusion, ReportHead, ReportRow } from './report-definition.js';
import type { ReportFormat } from './report-parameters.js';
import type { ReportRenderer } from './render/renderer.js';

/** Pieces that documents are stored in. */
const CHUNK_BYTES = 512 * 1024;

/** Stores a piece; rejects when the report is somebody else's by now. */
export type StoreChunk = (format: ReportFormat, number: number, bytes: Buffer) => Promise<void>;

/** Writes one document in pieces as it grows, and knows its digest: never all of it is in memory, but that of a PDF. */
export class DocumentWriter {
  readonly #hash: Hash = createHash('sha256');
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #bytes = 0;
  #chunks = 0;

  constructor(
    private readonly renderer: ReportRenderer,
    private readonly mostBytes: number,
    private readonly store: StoreChunk,
  ) {}

  get format(): ReportFormat {
    return this.renderer.format;
  }

  begin(head: ReportHead): Promise<void> {
    return this.#take(this.renderer.begin(head));
  }

  /** @throws AppError REPORT_TOO_LARGE */
  rows(rows: readonly ReportRow[]): Promise<void> {
    return this.#take(this.renderer.rows(rows));
  }

  /** What is known of the whole. @throws AppError REPORT_TOO_LARGE */
  async end(conclusion: Conclusion): Promise<{ readonly bytes: number; readonly sha256: string }> {
    await this.#take(await this.renderer.end(conclusion));
    if (this.#pendingBytes > 0) await this.#flush(this.#pendingBytes);
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async #take(written: string | Buffer): Promise<void> {
    if (written.length === 0) return;
    const bytes = typeof written === 'string' ? Buffer.from(written) : written;
    this.#bytes += bytes.length;
    if (this.#bytes > this.mostBytes) throw reportTooLarge(this.format, this.mostBytes);
    this.#hash.update(bytes);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    while (this.#pendingBytes >= CHUNK_BYTES) await this.#flush(CHUNK_BYTES);
  }

  async #flush(size: number): Promise<void> {
    const all = Buffer.concat(this.#pending);
    this.#pending = size < all.length ? [all.subarray(size)] : [];
    this.#pendingBytes = all.length - size;
    await this.store(this.format, this.#chunks, all.subarray(0, size));
    this.#chunks += 1;
  }
}
