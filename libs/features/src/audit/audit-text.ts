const MAX_LENGTH = 1_024;
const CUT_MARK = '…';

/**
 * Text as PostgreSQL can store it and JSON can repeat it: no NUL, no lone surrogates, at most 1,024 UTF-16 units. What
 * a caller sends must never be able to make an audit entry fail, let alone a whole batch of them.
 */
export function auditText(text: string): string {
  let clean = text;
  if (clean.length > MAX_LENGTH) clean = clean.slice(0, MAX_LENGTH - CUT_MARK.length) + CUT_MARK;
  if (clean.includes('\0')) clean = clean.replaceAll('\0', '\ufffd');
  return clean.isWellFormed() ? clean : clean.toWellFormed();
}

/** The same for what may be missing. */
export function optionalAuditText(text: string | undefined): string | null {
  return text === undefined ? null : auditText(text);
}
