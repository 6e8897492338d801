// What `npm start` runs: makes sure that everything is installed and built, then is Claviger. Syntax that Node 12
// understands, and everything newer behind the version check.
import { requireNode } from './node-version.mjs';

requireNode();
void import('./launch.mjs').then(({ start }) => start(process.argv.slice(2)));
