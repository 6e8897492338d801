import { readJsonSource } from './json-source.js';
import type { ParsedPolicy, PolicyStanza } from './parsed-policy.js';
import { policyInvalid, policyRefused, quoted } from './policy.errors.js';
import type { SourceValue } from './policy-source.js';
import { SourceReader } from './source-reader.js';
import { readStanza } from './stanza-reader.js';

/** Longest policy text, in UTF-8 bytes. Vault's own limit is that of its storage entry; a thousand paths fit in this. */
export const POLICY_MAX_BYTES = 256 * 1024;

/** Most path stanzas in one policy. */
export const POLICY_MAX_PATHS = 2000;

const TOP_LEVEL_KEYS = ['name', 'path'];

/**
 * Parses a policy in Vault's ACL language, JSON form: `{"path": {"<pattern>": {"capabilities": ["read"]}}}`, where `path`
 * may also be a list of such objects and may be repeated (as HCL 1 reads JSON).
 * @throws AppError `POLICY_INVALID` naming line and column of the first problem, or the limit that was exceeded
 *   ({@link POLICY_MAX_BYTES}, {@link POLICY_MAX_PATHS}).
 */
export function parsePolicy(text: string): ParsedPolicy {
  const bytes = Buffer.byteLength(text);
  if (bytes > POLICY_MAX_BYTES) throw policyRefused(`it has ${bytes} bytes; at most ${POLICY_MAX_BYTES} are allowed.`);
  return readPolicy(new SourceReader(text), readSource(text));
}

/** The one place that tells notations apart: JSON begins with a brace; HCL will stand beside it. */
function readSource(text: string): SourceValue {
  const start = text.search(/\S/);
  if (text[start] === '{') return readJsonSource(text);
  throw policyInvalid(text, Math.max(start, 0), 'it must begin with "{": policies are read in their JSON form.');
}

function readPolicy(reader: SourceReader, root: SourceValue): ParsedPolicy {
  const stanzas: PolicyStanza[] = [];
  for (const { key, at, value } of reader.object(root, 'a policy').entries) {
    if (!TOP_LEVEL_KEYS.includes(key)) {
      reader.fail(at, `unknown key ${quoted(key)}; known are ${TOP_LEVEL_KEYS.join(', ')}.`);
    }
    if (key === 'name') reader.string(value, 'name');
    else readPaths(reader, value, stanzas);
  }
  return { stanzas };
}

function readPaths(reader: SourceReader, value: SourceValue, stanzas: PolicyStanza[]): void {
  for (const group of reader.oneOrMany(value)) {
    for (const entry of reader.object(group, 'path').entries) {
      if (stanzas.length >= POLICY_MAX_PATHS) reader.fail(entry.at, `more than ${POLICY_MAX_PATHS} paths are given.`);
      stanzas.push(readStanza(reader, entry));
    }
  }
}
