import type { SecretValue } from '@claviger/kernel';
import type {
  EditParameters,
  GenerateOptions,
  NewAdoption,
  NewSecret,
  NewSourceInput,
  SyncProfileToAdd,
} from '@claviger/features/secrets';

/** The secret that an item is about, and why. */
type About = { readonly secretId: string; readonly reason?: string };

/** One change that a plan is asked for: what the endpoint for one change takes. */
export type PlanRequest =
  | ({ readonly kind: 'secret.create' } & NewSecret)
  /** With `seen` only what was seen there: its keyed fingerprint. */
  | ({ readonly kind: 'secret.adopt'; readonly seen?: string } & NewAdoption)
  | ({ readonly kind: 'secret.content' | 'secret.content.patch' } & About & { readonly content: SecretValue<string> })
  | ({ readonly kind: 'secret.rotate' } & About & { readonly generate: GenerateOptions })
  | ({ readonly kind: 'secret.restore' } & About & { readonly number: number })
  | ({ readonly kind: 'secret.attributes' } & About & { readonly set: Omit<EditParameters['set'], 'isDisabled'> })
  | ({ readonly kind: 'secret.enable' | 'secret.disable' } & About)
  | ({ readonly kind: 'secret.delete' } & About & { readonly retain: boolean })
  | ({ readonly kind: 'secret.sync-profile.add' } & About & Omit<SyncProfileToAdd, 'reason'>)
  | ({ readonly kind: 'secret.source-profile' } & About & Pick<NewSourceInput, 'profile' | 'onConflict'>)
  | ({ readonly kind: 'secret.sync-profile.remove' } & About & { readonly profile: string; readonly purge: boolean })
  | ({ readonly kind: 'secret.version.delete' | 'secret.version.undelete' | 'secret.version.destroy' } & About & {
        readonly number: number;
      });

/** The kinds of item that a plan can have. */
export const PLAN_KINDS = [
  'secret.create',
  'secret.adopt',
  'secret.content',
  'secret.content.patch',
  'secret.rotate',
  'secret.restore',
  'secret.attributes',
  'secret.enable',
  'secret.disable',
  'secret.delete',
  'secret.sync-profile.add',
  'secret.sync-profile.remove',
  'secret.source-profile',
  'secret.version.delete',
  'secret.version.undelete',
  'secret.version.destroy',
] as const satisfies readonly PlanRequest['kind'][];
export type PlanKind = (typeof PLAN_KINDS)[number];

/** What an item acts on, so that no two items of a plan act on the same: each would move the other's world. */
export function targetOf(request: PlanRequest): string {
  return 'secretId' in request ? request.secretId : `${request.sourceProfile}/${request.name}`;
}

/** The value that a request carries, and the rest of it, which holds none and may be stored as it is. */
export function splitRequest(request: PlanRequest): {
  readonly content: SecretValue<string> | undefined;
  readonly parameters: Record<string, unknown>;
} {
  const { kind: _, content, ...parameters } = request as PlanRequest & { readonly content?: SecretValue<string> };
  return { content, parameters };
}

/** The request again, of what {@link splitRequest} made of it. */
export function joinRequest(
  kind: PlanKind,
  parameters: Readonly<Record<string, unknown>>,
  content: SecretValue<string> | undefined,
): PlanRequest {
  return { kind, ...parameters, ...(content && { content }) } as unknown as PlanRequest;
}
