import type { Model } from '@slm-compress/onnx';
import { predictLogits, scoreLogits } from '@slm-compress/trainer';
import type { StageEvent } from '../events.ts';
import type { StageContext } from './context.ts';
import { relay } from './relay.ts';

/** Accuracy on the validation split, as `{validationAccuracy}`. */
export async function* validate(
  context: StageContext,
  model: Model,
): AsyncGenerator<StageEvent, { readonly validationAccuracy: number }> {
  const { stage, host, prepared, signal } = context;
  const { ids, labels } = prepared.encode('validation');
  await using engine = await host.openPool(model, { workers: host.workers });
  const logits = yield* relay(stage, 'validation', (report) =>
    predictLogits(engine, ids, {
      padId: prepared.tokenizer.padId,
      onProgress: report,
      ...(signal === undefined ? {} : { signal }),
    }),
  );
  return { validationAccuracy: scoreLogits(logits, labels).accuracy };
}
