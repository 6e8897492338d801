import { migrateAll, PRODUCT_VERSION } from '@claviger/composition';
import { loadConfig, type Config } from '@claviger/platform/config';
import { SCHEMA_NAMES } from '@claviger/platform/database';

import { run } from './run.js';
import { startServices } from './start-services.js';
import { startStandalone } from './standalone.js';
import { failureLine, readyLines } from './start-report.js';

const product = { app: PRODUCT_VERSION, schemas: SCHEMA_NAMES };
const parts = { migrate: migrateAll, startServices };
const say = (line: string): void => console.log(line);
let config: Config | undefined;

// A reader that goes away (a closed terminal, `| head`) must not end the program in the middle of its work.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const exitCode = await run({
  say,
  report: (error) => console.error(failureLine(error, config?.storage.dataDir)),
  async start(context) {
    config = loadConfig(process.env);
    const started = await startStandalone({ config, product, parts, say }, context);
    // At once: whoever waits for the first line finds the others too.
    say(readyLines(product.app, started).join('\n'));
  },
});
// The exit is explicit because a step that did not end in time may still hold the event loop.
process.exit(exitCode);
