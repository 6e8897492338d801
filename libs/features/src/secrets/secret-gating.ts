import type { GatedAs, GatedFacts, GatedKind } from '@claviger/features/changes';
import type { SecretEntity } from './secret.entity.js';

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
