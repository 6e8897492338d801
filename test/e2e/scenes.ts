import { afterAll, beforeAll, describe } from '@jest/globals';
import { hasOpenBao, Stage, type StageVault } from './stage.js';
import type { VaultKindName } from './vault-mounts.js';

/** A source and a target on one stage; usable inside tests. */
export type Scene = { readonly stage: Stage; readonly source: StageVault; readonly target: StageVault };

type Pair = { readonly title: string; readonly source: VaultKindName; readonly target: VaultKindName };

export const VAULT_PAIRS: readonly Pair[] = [
  { title: 'from KV v2 to KV v2 of OpenBao', source: 'kv2', target: 'kv2' },
  { title: 'from KV v2 to KV v1 of OpenBao', source: 'kv2', target: 'kv1' },
  { title: 'inside the built-in vault', source: 'builtin', target: 'builtin' },
];

/** Sources that others than Claviger can write to. */
export const OUTSIDE_SOURCES: readonly Pair[] = [
  { title: 'in KV v2 of OpenBao', source: 'kv2', target: 'kv2' },
  { title: 'in KV v1 of OpenBao', source: 'kv1', target: 'kv2' },
];

/** Tells the same story for every pair of vaults, on one stage. Those of OpenBao are skipped where there is none. */
export function describeScenes(
  story: string,
  tell: (scene: Scene) => void,
  pairs = VAULT_PAIRS,
  open: () => Promise<Stage> = () => Stage.open(),
): void {
  describe(`${story}`, () => {
    let stage: Stage;
    beforeAll(async () => {
      stage = await open();
    });
    afterAll(() => stage?.close());
    for (const pair of pairs) {
      const needsOpenBao = [pair.source, pair.target].some((kind) => kind !== 'builtin');
      (needsOpenBao && !hasOpenBao ? describe.skip : describe)(pair.title, () => {
        const scene = {} as { -readonly [K in keyof Scene]: Scene[K] };
        beforeAll(async () => {
          scene.stage = stage;
          scene.source = await stage.vault(pair.source);
          scene.target = await stage.vault(pair.target);
        });
        tell(scene);
      });
    }
  });
}
