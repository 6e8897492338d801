/** Where a page of a listing begins and ends, as bounds on full names in bytewise order. */
export type ListingBounds = {
  /** The folder with its slash; `''` for the root. */
  readonly folder: string;
  /** The first full name to look at. */
  readonly from: string;
  /** The first full name behind the folder; null for the root, which has no end. */
  readonly end: string | null;
};

// The character after '/', and one that sorts before all that a name may hold.
const AFTER_SLASH = '0';
const LOWEST = '\u0001';

/** The bounds of the page after `after`, the last name of the page before, relative to the folder. */
export function listingBounds(prefix: string, after: string | undefined): ListingBounds {
  const name = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  const folder = name === '' ? '' : `${name}/`;
  const end = name === '' ? null : `${name}${AFTER_SLASH}`;
  if (after === undefined) return { folder, from: folder, end };
  const isFolder = after.endsWith('/');
  return { folder, from: folder + (isFolder ? after.slice(0, -1) + AFTER_SLASH : after + LOWEST), end };
}

/** The cursor of a page that ends with `name`. */
export function encodeListCursor(name: string): string {
  return Buffer.from(name, 'utf8').toString('base64url');
}

/** The name inside a cursor; undefined when {@link encodeListCursor} did not make it. */
export function decodeListCursor(cursor: string): string | undefined {
  const name = Buffer.from(cursor, 'base64url').toString('utf8');
  return name !== '' && !name.includes('\0') && encodeListCursor(name) === cursor ? name : undefined;
}
