// Runs one of Claviger's commands: node tools/start/command.mjs <name> [arguments]
import { requireNode } from './node-version.mjs';

requireNode();
const { become } = await import('./launch.mjs');
const { BUNDLES } = await import('./build-step.mjs');
await become(BUNDLES.cli);
