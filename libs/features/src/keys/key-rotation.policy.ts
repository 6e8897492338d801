/** Keys that can be rotated, from the top down. */
export const ROTATION_KINDS = ['root', 'kek', 'data', 'fingerprint'] as const;
export type RotationKind = (typeof ROTATION_KINDS)[number];

/**
 * `adding`: there is a new key, and processes learn of it. `switching`: it is the one in force, and processes learn that.
 * `renewing`: what the old key made is made again. `settling`: all that could be renewed is; the old data key is kept for
 * what a process that was stopped in the middle may still write. `done`: nothing is left to do.
 */
export const ROTATION_STATES = ['adding', 'switching', 'renewing', 'settling', 'done'] as const;
export type RotationState = (typeof ROTATION_STATES)[number];

/** For how long a replaced data key is kept after nothing is sealed under it any more. */
export const SETTLING_MS = 24 * 3_600_000;

/** A live process, as far as keys matter. */
export type KeyHolder = {
  readonly keyGeneration: string | null;
  readonly rootKeyIds: readonly string[] | null;
};

/** The processes that do not know the keys of this generation yet. One of an older Claviger never will. */
export function laggardsOf<P extends KeyHolder>(processes: readonly P[], generation: string): P[] {
  return processes.filter(({ keyGeneration }) => keyGeneration === null || BigInt(keyGeneration) < BigInt(generation));
}

/** The processes that could not open the keys any more if only this root key opened them. */
export function withoutRootKey<P extends KeyHolder>(processes: readonly P[], rootKeyId: string): P[] {
  return processes.filter(({ rootKeyIds }) => !rootKeyIds?.includes(rootKeyId));
}

export type RotationStep = 'wait' | 'activate' | 'begin' | 'renew' | 'settle' | 'none';

/** What comes next in a rotation. */
export function nextStep(
  rotation: { readonly state: RotationState; readonly settlesAt: Date | null },
  world: { readonly laggards: number; readonly now: Date },
): RotationStep {
  switch (rotation.state) {
    case 'adding':
      return world.laggards > 0 ? 'wait' : 'activate';
    case 'switching':
      return world.laggards > 0 ? 'wait' : 'begin';
    case 'renewing':
      return 'renew';
    case 'settling':
      return rotation.settlesAt !== null && rotation.settlesAt <= world.now ? 'settle' : 'wait';
    case 'done':
      return 'none';
  }
}

/** What becomes of a rotation whose pass over all rows has ended with `left` rows still under the old key. */
export function afterPass(left: number, renewedInPass: number): 'again' | 'enough' {
  // Rows that were locked, or written meanwhile, are met by another pass; a pass that renews nothing more is the last.
  return left > 0 && renewedInPass > 0 ? 'again' : 'enough';
}
