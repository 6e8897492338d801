/** What a templated path may say about its caller; metadata keys may hold dots. */
export type TemplateIdentity = {
  readonly entity?: TemplateEntity;
  readonly groups?: readonly TemplateGroup[];
};

export type TemplateEntity = {
  readonly id: string;
  readonly name: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly aliases?: readonly TemplateAlias[];
};

export type TemplateAlias = {
  readonly mountAccessor: string;
  readonly id: string;
  readonly name: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly customMetadata?: Readonly<Record<string, string>>;
};

export type TemplateGroup = {
  readonly id: string;
  readonly name: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

/** A pattern cut at its `{{ … }}`: literal text, and selectors to be looked up. */
export type PathTemplate = readonly (string | { readonly selector: string })[];

/**
 * Cuts a path pattern at its directives. A pattern without any comes back as one literal. Unknown selectors are accepted,
 * as Vault accepts them, and never resolve.
 * @returns `undefined` when `{{` and `}}` do not pair.
 */
export function parsePathTemplate(pattern: string): PathTemplate | undefined {
  const [head = '', ...pieces] = pattern.split('{{');
  if (head.includes('}}')) return undefined;
  const template: (string | { selector: string })[] = [head];
  for (const piece of pieces) {
    const [selector, literal, ...rest] = piece.split('}}');
    if (literal === undefined || rest.length > 0) return undefined;
    template.push({ selector: selector!.trim() }, literal);
  }
  return template;
}

/** True for the text of a policy that may have templated paths. */
export function isTemplated(policy: string): boolean {
  return policy.includes('{{');
}

/** What a template comes to when a value would let its owner choose the shape of the rule. */
export const UNSAFE_VALUE = Symbol('UNSAFE_VALUE');

/**
 * The pattern for one identity; `undefined` when a selector has no value (or an empty one), so that the stanza says
 * nothing; {@link UNSAFE_VALUE} when a value holds `/`, `*` or `+`, so that nothing may be granted at all: OpenBao refuses
 * every request of such a caller, because leaving out only this stanza could leave out a `deny`.
 */
export function resolvePathTemplate(
  template: PathTemplate,
  identity: TemplateIdentity | undefined,
): string | typeof UNSAFE_VALUE | undefined {
  const parts = template.map((part) => (typeof part === 'string' ? part : lookUp(part.selector, identity)));
  if (parts.some((value, index) => value !== undefined && typeof template[index] !== 'string' && /[/*+]/.test(value))) {
    return UNSAFE_VALUE;
  }
  const isComplete = parts.every((value, index) => value !== undefined && (value !== '' || template[index] === ''));
  return isComplete ? parts.join('') : undefined;
}

function lookUp(selector: string, identity: TemplateIdentity | undefined): string | undefined {
  const entity = after(selector, 'identity.entity.');
  if (entity !== undefined) return identity?.entity && entityValue(entity, identity.entity);
  const group = after(selector, 'identity.groups.');
  return group === undefined ? undefined : groupValue(group, identity?.groups ?? []);
}

function entityValue(selector: string, entity: TemplateEntity): string | undefined {
  const alias = after(selector, 'aliases.');
  if (alias === undefined) return field(selector, entity);
  const [accessor, rest] = cut(alias);
  const found = entity.aliases?.find((candidate) => candidate.mountAccessor === accessor);
  if (!found || rest === undefined) return undefined;
  const customKey = after(rest, 'custom_metadata.');
  return customKey === undefined ? field(rest, found) : own(found.customMetadata, customKey);
}

function groupValue(selector: string, groups: readonly TemplateGroup[]): string | undefined {
  const [by, rest] = cut(selector);
  if ((by !== 'ids' && by !== 'names') || rest === undefined) return undefined;
  const [key, name] = cut(rest);
  const group = groups.find((candidate) => (by === 'ids' ? candidate.id : candidate.name) === key);
  return group && name !== undefined ? field(name, group) : undefined;
}

function field(name: string, holder: TemplateGroup): string | undefined {
  if (name === 'id') return holder.id;
  if (name === 'name') return holder.name;
  const key = after(name, 'metadata.');
  return key === undefined ? undefined : own(holder.metadata, key);
}

function own(map: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return map && Object.hasOwn(map, key) ? map[key] : undefined;
}

function after(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

/** Splits at the first dot. */
function cut(text: string): readonly [string, string | undefined] {
  const dot = text.indexOf('.');
  return dot < 0 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)];
}
