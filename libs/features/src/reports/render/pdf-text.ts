/** What Windows-1252 has beyond Latin 1; the fonts that every reader of PDF has can show no more. */
const MORE = '€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ';

const isShown = (char: string): boolean => {
  const code = char.codePointAt(0)!;
  return (code >= 0x20 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff && code !== 0xad) || MORE.includes(char);
};

/**
 * A text as a page can show it. What its fonts have no sign for is named by its code point, as `\u{416}`, so that nothing
 * disappears and no two texts look alike; JSON and CSV have it as it is.
 */
export function pdfText(text: string): string {
  return [...text].map((char) => (isShown(char) ? char : `\\u{${char.codePointAt(0)!.toString(16)}}`)).join('');
}
