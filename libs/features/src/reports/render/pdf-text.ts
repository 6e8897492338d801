/** What Windows-1252 has beyond Latin 1: the fonts that every reader of PDF has can show that much. */
const MORE = '€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ';

/**
 * What is named although a font has a sign for it: controls and formats, which act on what stands around them; marks, which join the
 * letter before them; spaces that look like another or like nothing; and what is written from right to left, which is not put in order here.
 */
const NAMED = /[\p{C}\p{M}\p{Z}\p{Script=Hebrew}\p{Script=Arabic}]/u;

const isStandard = (char: string): boolean => {
  const code = char.codePointAt(0)!;
  return (code >= 0x20 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff && code !== 0xad) || MORE.includes(char);
};

export type PdfText = {
  readonly text: string;
  /** The fonts that every reader has can show all of it. */
  readonly isStandard: boolean;
};

/**
 * A text as a page can show it. What there is no sign for is named by its code point, as `\u{65e5}`, so that nothing disappears; JSON and
 * CSV have it as it is.
 *
 * @param hasSign whether the embedded font has a sign for a code point that the standard fonts have none for
 */
export function pdfText(text: string, hasSign: (code: number) => boolean): PdfText {
  let usesEmbedded = false;
  const chars = [...text].map((char) => {
    if (isStandard(char)) return char;
    const code = char.codePointAt(0)!;
    if (NAMED.test(char) || !hasSign(code)) return `\\u{${code.toString(16)}}`;
    usesEmbedded = true;
    return char;
  });
  return { text: chars.join(''), isStandard: !usesEmbedded };
}
