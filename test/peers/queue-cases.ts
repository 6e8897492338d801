import { describeJobs } from './queue-job-cases.js';
import { describeLife } from './queue-life-cases.js';
import { QueueScene, type QueuePlace } from './queue-scene.js';

/** The table of cases that every place for the queue must pass. */
export function describeQueue(open: () => Promise<QueuePlace>): void {
  const scene = new QueueScene(open);
  describeJobs(scene);
  describeLife(scene);
}
