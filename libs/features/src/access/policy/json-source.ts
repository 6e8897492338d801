import { parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { policyInvalid } from './policy.errors.js';
import type { SourceEntry, SourceValue } from './policy-source.js';

/** Deepest nesting of objects and lists; a policy needs eight, and the parser recurses. */
export const POLICY_MAX_DEPTH = 32;

/**
 * Reads strict JSON (RFC 8259: no comments, no trailing commas) with the place of every value. Repeated keys are kept,
 * as HCL's JSON form has them.
 * @throws AppError `POLICY_INVALID` at the first syntax error, or where it is nested deeper than {@link POLICY_MAX_DEPTH}.
 */
export function readJsonSource(text: string): SourceValue {
  refuseDeepNesting(text);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const first = errors[0];
  if (first) throw policyInvalid(text, first.offset, `${inWords(first)}.`);
  if (!root) throw policyInvalid(text, 0, 'it is empty.');
  return toSource(root);
}

function toSource(node: Node): SourceValue {
  const at = node.offset;
  switch (node.type) {
    case 'object':
      return { kind: 'object', at, entries: (node.children ?? []).map(toEntry) };
    case 'array':
      return { kind: 'list', at, items: (node.children ?? []).map(toSource) };
    case 'string':
      return { kind: 'string', at, value: node.value as string };
    case 'number':
      return { kind: 'number', at, value: node.value as number };
    case 'boolean':
      return { kind: 'boolean', at, value: node.value as boolean };
    default:
      return { kind: 'null', at };
  }
}

function toEntry(property: Node): SourceEntry {
  // A tree without errors has a key and a value in every property.
  const [key, value] = property.children as [Node, Node];
  return { key: key.value as string, at: key.offset, value: toSource(value) };
}

/** Counts brackets outside strings, so that a hostile text cannot overflow the parser's stack. */
function refuseDeepNesting(text: string): void {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (inString) {
      if (char === '\\') index++;
      else if (char === '"') inString = false;
      continue;
    }
    if (char === '"') inString = true;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth > POLICY_MAX_DEPTH)
      throw policyInvalid(text, index, `it is nested deeper than ${POLICY_MAX_DEPTH} levels.`);
  }
}

/** `PropertyNameExpected` → `property name expected`. */
function inWords(error: ParseError): string {
  return printParseErrorCode(error.error)
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase();
}
