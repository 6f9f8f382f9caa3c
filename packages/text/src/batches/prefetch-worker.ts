import { parentPort, workerData } from 'node:worker_threads';
import { isSlmError } from '@slm-compress/onnx';
import { batchMaker } from './batch-job.ts';
import type { PrefetchReply, PrefetchSetup } from './prefetch.ts';

const { store, job, firstStep, capacity } = workerData as PrefetchSetup;
const port = parentPort!;
const post = (reply: PrefetchReply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer);

let room = capacity;
let step = firstStep;
let make: ReturnType<typeof batchMaker> | undefined;

/** Makes batches as long as the queue has room, then waits for the next one taken. */
function work(): void {
  try {
    make ??= batchMaker(store, job);
    for (; room > 0 && step < job.batches.length; room--, step++) {
      const batch = make(step);
      post(
        { kind: 'batch', batch },
        Object.values(batch.tensors).map(({ data }) => (data as BigInt64Array<ArrayBuffer>).buffer),
      );
    }
    if (step < job.batches.length) return;
    post({ kind: 'end' });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    post({ kind: 'error', code: isSlmError(error) ? error.code : 'INTERNAL', message });
  }
  port.close();
}

port.on('message', () => {
  room++;
  work();
});
work();
