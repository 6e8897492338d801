import { createRequire } from 'node:module';
import { pdfText } from './pdf-text.js';

export type Doc = PDFKit.PDFDocument;
export type Weight = 'regular' | 'bold';

/** Every reader of PDF has them, so that nothing is embedded, and text of Western Europe is laid out fast. */
const STANDARD: Readonly<Record<Weight, string>> = { regular: 'Helvetica', bold: 'Helvetica-Bold' };

/**
 * Arimo (SIL Open Font License) for all else: Latin, Greek and Cyrillic with their extensions, as wide as Helvetica. Of it the signs that
 * occur are embedded, and it is opened by the first text that needs it.
 */
const EMBEDDED: Readonly<Record<Weight, string>> = {
  regular: '@expo-google-fonts/arimo/400Regular/Arimo_400Regular.ttf',
  bold: '@expo-google-fonts/arimo/700Bold/Arimo_700Bold.ttf',
};

/** Makes the fonts known to a document. To be called before anything is drawn. */
export function registerFonts(doc: Doc): void {
  const { resolve } = createRequire(import.meta.url);
  for (const path of Object.values(EMBEDDED)) doc.registerFont(path, resolve(path));
}

/** Chooses the font that can show a text, and returns the text as it shows it: for the `doc.text` that follows. */
export function setFont(doc: Doc, weight: Weight, text: string): string {
  const { text: shown, isStandard } = pdfText(text, (code) => hasSign(doc.font(EMBEDDED[weight]), code));
  doc.font(isStandard ? STANDARD[weight] : EMBEDDED[weight]);
  return shown;
}

/** pdfkit does not tell which signs its font has; fontkit's font, which it draws with, does. */
function hasSign(doc: Doc, code: number): boolean {
  const { _font } = doc as unknown as { _font: { font: { hasGlyphForCodePoint(code: number): boolean } } };
  return _font.font.hasGlyphForCodePoint(code);
}
