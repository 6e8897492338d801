// Builds whatever is out of date: node tools/start/build.mjs
import { requireNode } from './node-version.mjs';

requireNode();
const { ensureInstalled } = await import('./install-step.mjs');
const { ensureBuilt } = await import('./build-step.mjs');
await ensureInstalled();
await ensureBuilt();
