import type { RequestContext } from '@claviger/kernel';
import type { ExecutingChange } from './executing-change.js';
import type { ChangeState } from './change-state.js';
import type { GatedKind } from './gated-kind.js';

/**
 * Says which changes wait for approval. `changes` knows the gate by these words only; approvals stands behind it. All but
 * {@link couldHold} and {@link findProfile} are called in the transaction that moves the change.
 */
export interface ChangeGate {
  /** False when no change of this kind at that vault profile waits, whatever it is about. From memory. */
  couldHold(ctx: RequestContext, vaultProfileId: string, kind: GatedKind): Promise<boolean>;
  /** The approval profile of that name, kept from being removed until the transaction ends; undefined when there is none. */
  findProfile(ctx: RequestContext, name: string): Promise<string | undefined>;
  /** Which versions of which approval and vault profiles have a say in the change now; undefined when none has. */
  bind(ctx: RequestContext, change: Gated): Promise<GateBinding | undefined>;
  /** Puts a change that waits before its approvers. */
  open(tx: RequestContext, change: ExecutingChange, binding: GateBinding): Promise<void>;
  /** Judges once more, when the change is to be executed, those who decided. @throws AppError CHANGE_STALE */
  admit(tx: RequestContext, changeId: string): Promise<void>;
  /** The change has left the gate, to be executed or into an end. */
  close(tx: RequestContext, changeId: string, state: ChangeState): Promise<void>;
}

/** What the gate judges a change by. */
export type Gated = Pick<ExecutingChange, 'gatedAs' | 'requestedBy'>;

/** What an approval was asked of. */
export type GateBinding = {
  readonly approvalProfiles: readonly { readonly id: string; readonly name: string; readonly version: number }[];
  readonly vaultProfiles: readonly {
    readonly id: string;
    readonly revision: number;
    /** Of the instance that it uses: with another address or other credentials it is another place. */
    readonly instanceRevision: number;
  }[];
};

/** Where the gate is put when its module starts. Without one nothing is executed. */
export class ChangeGateSlot {
  #gate: ChangeGate | undefined;

  set(gate: ChangeGate): void {
    this.#gate = gate;
  }

  get gate(): ChangeGate {
    if (!this.#gate) throw new Error('No gate for changes: ApprovalsModule is missing.');
    return this.#gate;
  }
}
