import { workerData } from 'node:worker_threads';
import handle from '../dist/engine-worker.js';

/** The real worker, which ends its thread as often as shared counters say. */
if (Atomics.sub(workerData.startDeaths, 0, 1) > 0) process.exit(1);

export default async function (task) {
  if (task.deaths !== undefined && Atomics.sub(task.deaths, 0, 1) > 0) process.exit(1);
  return handle(task);
}
