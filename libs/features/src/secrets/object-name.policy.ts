import { isAppError } from '@claviger/kernel';
import type { SecretType } from './content/index.js';
import { physicalNameAt } from './secret-fit.policy.js';

type Naming = { readonly name: string; readonly prefix: string; readonly nameTemplate: string };

/**
 * The name of the secret that a profile would keep under this physical name: {@link physicalNameAt} the other way round.
 * Undefined when no name of that type leads there.
 */
export function nameOfObject(profile: Naming, physicalName: string, type: SecretType): string | undefined {
  const folder = profile.prefix === '' ? '' : `${profile.prefix}/`;
  if (!physicalName.startsWith(folder)) return undefined;
  const rest = physicalName.slice(folder.length);
  const [before = '', after = ''] = profile.nameTemplate.replace('{type}', () => type).split('{name}');
  if (!rest.startsWith(before) || !rest.endsWith(after) || rest.length <= before.length + after.length)
    return undefined;
  const name = rest.slice(before.length, rest.length - after.length);
  return leadsTo(profile, { name, type }, physicalName) ? name : undefined;
}

/** Whatever the template is: a name is one only if it leads where it came from. */
function leadsTo(profile: Naming, named: { name: string; type: SecretType }, physicalName: string): boolean {
  try {
    return physicalNameAt(profile, named) === physicalName;
  } catch (error) {
    if (isAppError(error)) return false;
    throw error;
  }
}
