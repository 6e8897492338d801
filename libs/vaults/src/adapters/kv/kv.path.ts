/**
 * A request path below `/v1`, percent-encoded segment by segment, so that no name becomes path syntax, a query or a
 * fragment, and no slash of a segment list is doubled.
 *
 * @param parts paths or names in decoded form; an empty one adds nothing, so `['kv', 'metadata', '']` is the mount's root
 */
export function vaultPath(...parts: readonly string[]): string {
  return parts
    .filter((part) => part !== '')
    .flatMap((part) => part.split('/'))
    .map(encodeSegment)
    .join('/');
}

/** The same with a slash at the end, which is how folders are named. */
export function vaultFolder(...parts: readonly string[]): string {
  return `${vaultPath(...parts)}/`;
}

// encodeURIComponent leaves !'()* alone; an apostrophe is unsafe in what node-vault and proxies make of a URL.
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
