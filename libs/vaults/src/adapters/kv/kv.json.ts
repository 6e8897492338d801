/**
 * The source text of a member inside a JSON text, so that a content leaves an answer with every digit that it came
 * with. The text must be valid JSON (what `JSON.parse` accepts); of repeated keys the last one counts, as it does there.
 *
 * @param path keys from the outermost object inwards
 * @returns undefined when a key is missing or leads through something that is no object
 */
export function memberText(json: string, path: readonly string[]): string | undefined {
  let start = skipSpace(json, 0);
  for (const key of path) {
    const found = findMember(json, start, key);
    if (found === undefined) return undefined;
    start = found;
  }
  return json.slice(start, endOfValue(json, start));
}

/** Where the value of the member begins. */
function findMember(json: string, object: number, key: string): number | undefined {
  if (json[object] !== '{') return undefined;
  let found: number | undefined;
  let at = skipSpace(json, object + 1);
  while (json[at] === '"') {
    const keyEnd = endOfString(json, at);
    const isWanted = JSON.parse(json.slice(at, keyEnd)) === key;
    const value = skipSpace(json, skipSpace(json, keyEnd) + 1);
    if (isWanted) found = value;
    at = skipSpace(json, endOfValue(json, value));
    if (json[at] === ',') at = skipSpace(json, at + 1);
  }
  return found;
}

function endOfValue(json: string, start: number): number {
  if (json[start] === '"') return endOfString(json, start);
  if (json[start] !== '{' && json[start] !== '[') {
    const rest = /[,}\]\s]/g;
    rest.lastIndex = start;
    return rest.exec(json)?.index ?? json.length;
  }
  let depth = 0;
  const mark = /["{}[\]]/g;
  mark.lastIndex = start;
  for (let match = mark.exec(json); match !== null; match = mark.exec(json)) {
    if (match[0] === '"') mark.lastIndex = endOfString(json, match.index);
    else if (match[0] === '{' || match[0] === '[') depth += 1;
    else if (--depth === 0) return mark.lastIndex;
  }
  return json.length;
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (/\s/.test(json[at] ?? '')) at += 1;
  return at;
}
