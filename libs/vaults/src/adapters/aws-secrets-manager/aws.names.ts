import { PATH_NAME_RULE, type NameRule } from '@claviger/vaults/contract';

/** The longest name of a secret, in characters (AWS, CreateSecret). */
export const MAX_STORED_NAME = 512;

/**
 * What a name is stored with as it is: the characters that AWS allows, but for the equals sign, which begins an escape.
 * As they stand between the brackets of a character class.
 */
const PLAIN = 'A-Za-z0-9\\/_+.@\\-';
const TO_ESCAPE = new RegExp(`[^${PLAIN}]+`, 'gu');
const STORED = new RegExp(`^(?:[${PLAIN}]|=[0-9A-F]{2})+$`);

/** What names of objects look like below a stored prefix, which ends in a slash or is empty. */
export function nameRuleBelow(storedPrefix: string): NameRule {
  const maxLength = MAX_STORED_NAME - storedPrefix.length;
  return {
    maxBytes: maxLength,
    pattern: PATH_NAME_RULE.pattern,
    description: `${PATH_NAME_RULE.description}; at most ${maxLength} characters, of which one besides letters, digits and / _ + . @ - counts as three a byte`,
    stored: { plain: PLAIN, maxLength },
  };
}

/**
 * The name that an object has in AWS: a character that AWS does not allow, and the equals sign, becomes `=` and two
 * upper-case hexadecimal digits for each byte of its UTF-8. No two names become one, and {@link decodeName} gives the
 * name back.
 *
 * A name may end in a hyphen and six characters, as the ARN of a secret does: Claviger asks for secrets by whole names
 * only, never by a part of an ARN, which is where AWS takes such an end for its own.
 */
export function encodeName(name: string): string {
  return name.replace(TO_ESCAPE, (text) =>
    Buffer.from(text).reduce((all, byte) => `${all}=${byte.toString(16).toUpperCase().padStart(2, '0')}`, ''),
  );
}

/** The name that is stored as this; undefined for a name that somebody else made and that is nobody's escaped form. */
export function decodeName(stored: string): string | undefined {
  if (!STORED.test(stored)) return undefined;
  const bytes = stored.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const name = Buffer.from(bytes, 'latin1').toString('utf8');
  return encodeName(name) === stored ? name : undefined;
}
