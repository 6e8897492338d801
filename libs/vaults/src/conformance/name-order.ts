/** Orders names by Unicode code point, which is the order of their UTF-8 bytes; UTF-16 order (`<`) is another one. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * What a listing of `folder` (`''` is the root) shows of these physical names, relative to it, sorted: all names below
 * when recursive, else one level, where everything deeper appears once as a folder ending in `/`.
 */
export function namesBelow(names: Iterable<string>, folder: string, recursive: boolean): readonly string[] {
  const start = folder === '' ? '' : `${folder}/`;
  const shown = new Set<string>();
  for (const name of names) {
    if (!name.startsWith(start)) continue;
    const relative = name.slice(start.length);
    const slash = relative.indexOf('/');
    shown.add(recursive || slash < 0 ? relative : relative.slice(0, slash + 1));
  }
  return [...shown].sort(compareNames);
}
