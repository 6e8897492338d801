import type { AuditDetails } from './audit-event.js';

/** Longest canonical form that is stored as it is: room for every name that Claviger accepts, and no more. */
const MAX_CANONICAL = 8_192;
const MAX_TEXT = 256;
const MAX_DETAILS = 16;
const CUT_MARK = '…';

/**
 * True when an entry cannot be stored as it is. Read off the canonical form, where JSON shows a NUL and a lone surrogate
 * as escapes: one look at one text instead of many looks at many. It may say true of an innocent backslash.
 */
export function needsCleaning(canonical: string): boolean {
  return canonical.length > MAX_CANONICAL || canonical.includes('\\u0000') || canonical.includes('\\ud');
}

/**
 * The entry with texts that PostgreSQL can store and JSON can repeat: no NUL, no lone surrogate, cut to 256 UTF-16 units,
 * at most 16 details. What a caller sends must never make an entry fail, let alone the whole batch that it is in.
 */
export function cleaned<F extends { readonly details: AuditDetails }>(fields: F): F {
  const clean = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? cleanText(value) : value]),
  ) as unknown as F;
  return { ...clean, details: cleanDetails(fields.details) };
}

function cleanDetails(details: AuditDetails): AuditDetails {
  const clean = Object.entries(details)
    .slice(0, MAX_DETAILS)
    .map(([name, value]) => [cleanText(name), typeof value === 'string' ? cleanText(value) : value] as const);
  return Object.fromEntries(clean);
}

function cleanText(text: string): string {
  const cut = text.length > MAX_TEXT ? text.slice(0, MAX_TEXT - CUT_MARK.length) + CUT_MARK : text;
  return cut.replaceAll('\0', '\ufffd').toWellFormed();
}
