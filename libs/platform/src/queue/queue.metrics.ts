import { LabelSet, METRICS } from '@claviger/platform/metrics';
import { QUEUE_NAMES } from './queued-job.js';

/** The jobs that the features of this process define. */
export const JOB_NAMES = new LabelSet();

export const JOBS_RUN = METRICS.counter({
  name: 'claviger_jobs_total',
  help: 'Runs of jobs by what came of them: done, failed and to be run again, or failed for good.',
  labels: { job: JOB_NAMES, outcome: ['done', 'retried', 'failed'] },
});

export const JOB_SECONDS = METRICS.histogram({
  name: 'claviger_job_seconds',
  help: 'Duration of runs of jobs.',
  limits: [0.01, 0.05, 0.25, 1, 5, 30, 120],
  labels: { job: JOB_NAMES },
});

export const JOBS_DROPPED = METRICS.counter({
  name: 'claviger_queue_jobs_dropped_total',
  help: 'Wake-ups that could not be sent; a sweep finds their work later.',
});

/** States of a job that waits or runs, as BullMQ names them. */
export const QUEUED_STATES = ['waiting', 'prioritized', 'delayed', 'active', 'failed'] as const;

export const QUEUE_DEPTH = METRICS.gauge({
  name: 'claviger_queue_jobs',
  help: 'Jobs in the queue by their state; the failed ones are kept to be looked at.',
  labels: { queue: QUEUE_NAMES, state: QUEUED_STATES },
});
