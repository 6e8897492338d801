import { Injectable } from '@nestjs/common';
import { faultPoint } from '@claviger/kernel';
import { isVaultError, type VaultContent, type WriteReceipt } from '@claviger/vaults/contract';
import type { Sighting, TargetAction } from './reconcile.policy.js';
import type { SyncTargetEntity } from './sync-target.entity.js';
import type { Progress } from './target-outcome.js';
import type { OpenTarget } from './target-vaults.js';

/** What changes something at a place. */
export type Move = Extract<TargetAction, { do: 'create' | 'put' | 'adopt' | 'hide' | 'unhide' | 'purge' }>;

export type MoveContext = {
  readonly target: SyncTargetEntity;
  readonly vault: OpenTarget;
  /** The content of the desired version. */
  readonly content: () => Promise<VaultContent>;
  readonly progress: Progress;
  /** Throws when the attempt has no time left, because its lease may soon be somebody else's. */
  readonly assertInTime: () => void;
};

/** Carries out at a place what was decided. */
@Injectable()
export class TargetActions {
  /**
   * Returns what is there afterwards, or undefined when only looking tells; `refused` when the place is not what the
   * decision took it for, and nothing was done.
   * @throws VaultError; what `content` and `assertInTime` throw
   */
  async carryOut(move: MoveContext, action: Move): Promise<Sighting | 'refused' | undefined> {
    try {
      return await this.#carryOut(move, action);
    } catch (error) {
      if (isVaultError(error, 'ALREADY_EXISTS', 'VERSION_CONFLICT', 'NOT_FOUND')) return 'refused';
      throw error;
    }
  }

  async #carryOut(move: MoveContext, action: Move): Promise<Sighting | undefined> {
    const { vault, progress } = move;
    const { adapter, name } = vault;
    switch (action.do) {
      case 'create':
        return this.#create(move);
      case 'put':
        return this.#put(move, action);
      case 'adopt':
        await this.#mark(move);
        return undefined;
      case 'hide': {
        const { backendVersion, fingerprint } = action;
        await this.#change(move, () => adapter.softDelete(vault.call(), name, [backendVersion]));
        progress.hasWritten = true;
        return {
          exists: true,
          marker: markerOf(vault),
          version: backendVersion,
          content: { is: 'hidden', fingerprint },
        };
      }
      case 'unhide':
        await this.#change(move, () => adapter.undelete(vault.call(), name, [action.backendVersion]));
        progress.hasWritten = true;
        return undefined;
      case 'purge':
        await this.#change(move, () => adapter.purge(vault.call(), name));
        return undefined;
    }
  }

  async #create(move: MoveContext): Promise<Sighting | undefined> {
    const { adapter, capabilities, name, marker, reclaim, call } = move.vault;
    const content = await move.content();
    faultPoint('reconcile.writing');
    // Marking is a step of its own at the vault: a failure after it leaves our marker there, without content.
    const receipt = await this.#change(move, () => adapter.create(call(), name, content, marker, reclaim), {
      mayLeaveMarker: capabilities.metadata,
    });
    return this.#written(move, receipt);
  }

  async #put(
    move: MoveContext,
    { expected, marks, lost }: Extract<Move, { do: 'put' }>,
  ): Promise<Sighting | undefined> {
    const { adapter, name, call } = move.vault;
    const content = await move.content();
    if (marks) await this.#mark(move);
    faultPoint('reconcile.writing');
    const condition = expected === undefined ? {} : { expectedVersion: expected };
    const receipt = await this.#change(move, () => adapter.put(call(), name, content, condition));
    move.progress.lost = lost ?? move.progress.lost;
    return this.#written(move, receipt);
  }

  async #mark(move: MoveContext): Promise<void> {
    const { adapter, capabilities, name, marker, call } = move.vault;
    if (!capabilities.metadata) return;
    faultPoint('reconcile.marking');
    await this.#change(move, () => adapter.setMetadata(call(), name, marker));
  }

  /** A receipt with a version proves the write; without one, only reading back does. */
  #written({ target, vault, progress }: MoveContext, { version }: WriteReceipt): Sighting | undefined {
    faultPoint('reconcile.written');
    progress.hasWritten = true;
    if (version === undefined) return undefined;
    const content = { is: 'readable', fingerprint: target.desiredFingerprint, isKnown: true } as const;
    return { exists: true, marker: markerOf(vault), version, content };
  }

  /** Notes that something is under way before it is, and takes that back only when it certainly had no effect. */
  async #change<T>(
    { progress, assertInTime }: MoveContext,
    call: () => Promise<T>,
    { mayLeaveMarker = false } = {},
  ): Promise<T> {
    assertInTime();
    const { isOpen: wasOpen, mayArrive } = progress;
    progress.isOpen = true;
    progress.mayArrive = true;
    try {
      const answer = await call();
      progress.mayArrive = mayArrive;
      return answer;
    } catch (error) {
      const hadNoEffect = isVaultError(error) && !error.outcomeUnknown;
      if (hadNoEffect) progress.mayArrive = mayArrive;
      const leftMarker = mayLeaveMarker && !isVaultError(error, ...NOTHING_DONE);
      if (hadNoEffect && !leftMarker) progress.isOpen = wasOpen;
      throw error;
    }
  }
}

/** What stands at an object that we have just changed. */
const markerOf = ({ capabilities }: OpenTarget): 'ours' | 'unmarked' => (capabilities.metadata ? 'ours' : 'unmarked');

/** Refusals of a creation before anything is written. */
const NOTHING_DONE = ['ALREADY_EXISTS', 'INVALID_NAME', 'INVALID_VALUE', 'TOO_LARGE'] as const;
