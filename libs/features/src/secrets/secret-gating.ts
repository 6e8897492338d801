import {
  GATED_KINDS,
  type ExecutingChange,
  type GatedAs,
  type GatedFacts,
  type GatedKind,
} from '@claviger/features/changes';
import type { SecretEntity } from './secret.entity.js';
import { sourceChanged } from './secret.errors.js';

type Gated = Pick<SecretEntity, 'name' | 'type' | 'owner' | 'labels' | 'sourceProfileId'>;

/** What the conditions of approval profiles see of a secret. */
export function gatedFacts({ name, type, owner, labels }: Omit<Gated, 'sourceProfileId'>): GatedFacts {
  return { name, type, owner, labels };
}

/** As what a change of a secret is judged: of these kinds at its source, and at other profiles of others. */
export function gatedAs(
  secret: Gated,
  kinds: readonly GatedKind[],
  at: Readonly<Record<string, readonly GatedKind[]>> = {},
): GatedAs {
  const others = Object.entries(at).map(([vaultProfile, there]) => ({ vaultProfile, kinds: there }));
  return { at: [{ vaultProfile: secret.sourceProfileId, kinds }, ...others], facts: [gatedFacts(secret)] };
}

/** A change of attributes: with it a secret could leave the condition under which its changes wait. */
export function gatedAsEdit(secret: Gated, set: Partial<Pick<SecretEntity, 'owner' | 'labels'>>): GatedAs {
  const after = {
    ...secret,
    ...(set.owner === undefined ? {} : { owner: set.owner }),
    labels: set.labels ?? secret.labels,
  };
  const facts = [gatedFacts(secret), gatedFacts(after)];
  return { ...gatedAs(secret, ['attributes']), facts, mayEscape: true };
}

/**
 * A change of the source. Whatever waits at the profile that the secret leaves, leaving waits as well: it would be the way
 * round everything else. At the new one it is a creation too.
 */
export function gatedAsMove(secret: Gated, to: string): GatedAs {
  return gatedAs(secret, GATED_KINDS, { [to]: ['source-change', 'create'] });
}

/**
 * A deletion. To forget a secret and leave its vaults as they are is to leave its profile too: what lies there could be made a
 * secret again to which nothing of it applies.
 */
export function gatedAsRemoval(secret: Gated, { retain }: { readonly retain: boolean }): GatedAs {
  return gatedAs(secret, retain ? GATED_KINDS : ['delete']);
}

/**
 * A change was judged, by policies and by the gate, at the source that the secret had then.
 * @throws AppError SOURCE_CHANGED
 */
export function assertSourceAsJudged(
  { sourceProfileId }: Pick<SecretEntity, 'sourceProfileId'>,
  { gatedAs: { at } }: Pick<ExecutingChange, 'gatedAs'>,
): void {
  if (at[0] && at[0].vaultProfile !== sourceProfileId) throw sourceChanged();
}
