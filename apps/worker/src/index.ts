export { startWorker, type RunningWorker } from './start-worker.js';
export { WorkerModule } from './worker.module.js';
