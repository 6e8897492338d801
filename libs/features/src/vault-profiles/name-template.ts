import { AppError } from '@claviger/kernel';
import { assertPathName } from '@claviger/vaults/contract';

/** What a physical name is made from. */
export type NamedSecret = { readonly name: string; readonly type: string };

const PLACEHOLDER = /\{(name|type)\}/g;

/** A secret's name below the profile's prefix. In one pass, so that a name may hold `{type}` or `{name}` itself. */
export function renderName(template: string, secret: NamedSecret): string {
  return template.replace(PLACEHOLDER, (_match, field: keyof NamedSecret) => secret[field]);
}

/** Why a text is no name template; undefined when it is one. */
export function nameTemplateProblem(template: string): string | undefined {
  const count = (placeholder: string): number => template.split(placeholder).length - 1;
  if (count('{name}') !== 1) return 'must hold {name} exactly once';
  if (count('{type}') > 1) return 'must hold {type} at most once';
  if (/[{}]/.test(template.replace(PLACEHOLDER, ''))) return 'knows no other placeholder than {name} and {type}';
  return pathProblem(renderName(template, { name: 'name', type: 'type' }));
}

/** Why a text is no path-like name; undefined when it is one. */
export function pathProblem(path: string): string | undefined {
  try {
    assertPathName(path, 'it');
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message.replace(/^it /, '').replace(/\.$/, '');
    throw error;
  }
}
