import { loadConfig, type Config } from '@claviger/platform/config';

import { startApi } from '../../api/src/start-api.js';
import { startWorker } from '../../worker/src/start-worker.js';

import { productVersion } from './product-version.js';
import { run } from './run.js';
import { startStandalone } from './standalone.js';
import { failureLine, readyLines } from './start-report.js';

const say = (line: string): void => console.log(line);
let config: Config | undefined;

// A reader that goes away (a closed terminal, `| head`) must not end the program in the middle of its work.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const exitCode = await run({
  say,
  report: (error) => console.error(failureLine(error, config?.storage.dataDir)),
  async start(context) {
    config = loadConfig(process.env);
    const product = productVersion();
    const started = await startStandalone({ config, product, parts: { startApi, startWorker }, say }, context);
    for (const line of readyLines(product.app, started)) say(line);
  },
});
// The exit is explicit because a step that did not end in time may still hold the event loop.
process.exit(exitCode);
