import { inflateSync } from 'node:zlib';

/** What Windows-1252 has from 0x80 on; TextDecoder of Node takes it for Latin 1, which has controls there. */
const BEYOND_LATIN_1 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
const winAnsi: Decode = (shown) =>
  shown.toString('latin1').replace(/[\u0080-\u009f]/g, (char) => BEYOND_LATIN_1[char.charCodeAt(0) - 0x80]!);

/** An object of a file: its dictionary, and its stream where it has one. */
type PdfObject = { readonly dictionary: string; readonly stream: string };
type Decode = (shown: Buffer) => string;

/**
 * What the pages of a PDF say, piece by piece in the order in which it is drawn, a line for each: for documents whose
 * texts are hexadecimal strings, in the encoding WinAnsi or of embedded fonts that say what their signs mean, in streams that are
 * deflated or plain.
 */
export function textOfPdf(bytes: Buffer): string {
  const objects = objectsOf(bytes);
  const fonts = fontsOf(objects);
  const lines: string[] = [];
  for (const { stream } of objects.values()) {
    let decode = winAnsi;
    for (const [, font, shown] of stream.matchAll(/\/(F\d+) [\d.]+ Tf|\[([^\]]*)\]\s*TJ/g)) {
      if (font) decode = fonts.get(font) ?? winAnsi;
      else lines.push(decode(Buffer.concat(hexOf(shown!))));
    }
  }
  return lines.join('\n');
}

function objectsOf(bytes: Buffer): ReadonlyMap<string, PdfObject> {
  const file = bytes.toString('latin1');
  const objects = new Map<string, PdfObject>();
  for (const { 1: id, 2: dictionary, 3: end, index, 0: all } of file.matchAll(
    /(\d+) 0 obj\s([^]*?)\s(stream\r?\n|endobj)/g,
  )) {
    const start = index + all.length;
    const raw = end === 'endobj' ? Buffer.alloc(0) : bytes.subarray(start, file.indexOf('endstream', start));
    const stream = raw.length > 0 && dictionary!.includes('/FlateDecode') ? inflateSync(raw) : raw;
    objects.set(id!, { dictionary: dictionary!, stream: stream.toString('latin1') });
  }
  return objects;
}

/** How texts in embedded fonts are read, by the names of the fonts. */
function fontsOf(objects: ReadonlyMap<string, PdfObject>): ReadonlyMap<string, Decode> {
  const fonts = new Map<string, Decode>();
  for (const { dictionary } of objects.values())
    for (const [, name, id] of dictionary.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
      const meanings = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id!)?.dictionary ?? '')?.[1];
      if (meanings) fonts.set(name!, decoder(objects.get(meanings)!.stream));
    }
  return fonts;
}

/** By a CMap of ranges, each of which lists what its signs mean in UTF-16. */
function decoder(cmap: string): Decode {
  const meanings = new Map<number, string>();
  for (const [, first, listed] of cmap.matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/gi))
    hexOf(listed!).forEach((meant, index) =>
      meanings.set(Number.parseInt(first!, 16) + index, meant.swap16().toString('utf16le')),
    );
  return (shown) =>
    Array.from({ length: shown.length / 2 }, (_, index) => meanings.get(shown.readUInt16BE(index * 2)) ?? '?').join('');
}

function hexOf(text: string): Buffer[] {
  return [...text.matchAll(/<([0-9a-f ]*)>/gi)].map(([, hex]) => Buffer.from(hex!.replaceAll(' ', ''), 'hex'));
}
