/**
 * Decodes base64 as RFC 4648 section 4 defines it, in its one canonical spelling: standard alphabet, padded, without
 * white space and without bits left over. Undefined for anything else, where Buffer would guess.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** What to tell the person whose base64 was refused. */
export const BASE64_RULE = 'must be standard base64 with padding and without line breaks (`base64 -w0 <file>`)';
