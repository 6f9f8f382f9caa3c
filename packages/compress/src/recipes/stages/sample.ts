import { createRng } from '@slm-compress/onnx';
import type { TrainingData } from '@slm-compress/trainer';
import type { StageContext } from './context.ts';

/** A seeded sample of the training split, the same for every stage of a run. */
export function sampleTraining(context: StageContext, count: number): TrainingData {
  const { ids, labels } = context.prepared.encode('train');
  const order = createRng(context.seed).fork('sample').shuffle(Int32Array.from(ids.keys()));
  const chosen = [...order.subarray(0, Math.min(count, ids.length))];
  return {
    ids: chosen.map((index) => ids[index]!),
    labels: Int32Array.from(chosen, (index) => labels[index]!),
  };
}
