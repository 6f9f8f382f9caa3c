import { calibrate, calibrationBatches } from '../../quantize/calibrate.ts';
import { quantizeStatic } from '../../quantize/quantize-static.ts';
import type { StageEvent } from '../events.ts';
import type { QuantizeStageOptions } from '../schema.ts';
import type { Made, ParentModel, StageContext } from './context.ts';
import { relay } from './relay.ts';
import { sampleTraining } from './sample.ts';
import { validate } from './validate.ts';

/** Calibrates on training texts and quantizes to int8. */
export async function* quantizeStage(
  context: StageContext,
  parent: ParentModel,
  options: QuantizeStageOptions,
): AsyncGenerator<StageEvent, Made> {
  const { stage, host, signal } = context;
  const { ids } = sampleTraining(context, options.calibration.samples);
  const batches = [...calibrationBatches(ids)];
  const { method, percentile } = options.calibration;
  const ranges = yield* relay(stage, 'calibration', (report) =>
    calibrate(parent.model, batches, {
      open: host.open,
      method,
      percentile,
      onProgress: (progress) => report(progress.batches, batches.length),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
  const { model, findings } = quantizeStatic(parent.model, ranges);
  const metrics = yield* validate(context, model);
  return { model, config: parent.config, quantized: true, findings, metrics, history: [] };
}
