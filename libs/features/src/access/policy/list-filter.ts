/**
 * A path made from a list's path and one of its keys, by which it is decided who sees that key: the subset `{{ .path }}`
 * and `{{ .key }}` of the Go templates that OpenBao takes in `list_scan_response_keys_filter_path`.
 */
export type ListFilter = readonly (string | { readonly field: 'path' | 'key' })[];

const FIELD = /\{\{\s*\.(path|key)\s*\}\}/g;

/** Reads a filter, or says in words why it is none. It must use the key, else all entries would share one answer. */
export function parseListFilter(text: string): ListFilter | { readonly problem: string } {
  const parts: (string | { field: 'path' | 'key' })[] = [];
  let end = 0;
  for (const match of text.matchAll(FIELD)) {
    parts.push(text.slice(end, match.index), { field: match[1] as 'path' | 'key' });
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  if (parts.some((part) => typeof part === 'string' && /\{\{|\}\}/.test(part))) {
    return { problem: 'only {{ .path }} and {{ .key }} can be used in it' };
  }
  if (!parts.some((part) => typeof part !== 'string' && part.field === 'key')) {
    return { problem: 'it must contain {{ .key }}' };
  }
  return parts;
}

/** The path that decides about `key` in the list at `path` (which ends with `/`). */
export function filterPath(filter: ListFilter, path: string, key: string): string {
  return filter.map((part) => (typeof part === 'string' ? part : part.field === 'key' ? key : path)).join('');
}
