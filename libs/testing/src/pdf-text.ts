import { inflateSync } from 'node:zlib';

const WINDOWS_1252 = new TextDecoder('windows-1252');

/**
 * What the pages of a PDF say, piece by piece in the order in which it is drawn, a line for each: for documents whose
 * texts are hexadecimal strings in the encoding WinAnsi, in streams that are deflated or plain.
 */
export function textOfPdf(bytes: Buffer): string {
  const file = bytes.toString('latin1');
  const lines: string[] = [];
  for (const { 1: dictionary, index, 0: all } of file.matchAll(/<<([^]*?)>>\s*stream\r?\n/g)) {
    const start = index + all.length;
    const raw = bytes.subarray(start, file.indexOf('endstream', start));
    const content = (dictionary!.includes('/FlateDecode') ? inflateSync(raw) : raw).toString('latin1');
    for (const [, shown] of content.matchAll(/\[([^\]]*)\]\s*TJ/g)) {
      const pieces = [...shown!.matchAll(/<([0-9a-f]*)>/gi)].map(([, hex]) => Buffer.from(hex!, 'hex'));
      lines.push(WINDOWS_1252.decode(Buffer.concat(pieces)));
    }
  }
  return lines.join('\n');
}
