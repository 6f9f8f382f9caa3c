import { speedRatio } from '@slm-compress/bench';
import { createRng } from '@slm-compress/onnx';
import { bytesText } from '../report/wording.ts';

/** A measured model, as far as {@link slowerThanParent} looks at it. */
export interface TimedModel {
  readonly name: string;
  readonly parent?: string;
  readonly quantized: boolean;
  readonly bytes: number;
  /** Median latency in milliseconds. */
  readonly p50: number;
  /** Latencies in milliseconds, one a round, in the order of the rounds. */
  readonly times: readonly number[];
}

/**
 * A sentence for every int8 model that is no faster than its parent: its median is not below the parent's, or the whole
 * interval of the parent's time over its own is at most 1.
 */
export function slowerThanParent(models: readonly TimedModel[]): readonly string[] {
  return models.flatMap((model) => {
    const parent = models.find(({ name }) => name === model.parent);
    if (!model.quantized || parent === undefined || parent.quantized) return [];
    const { high } = speedRatio(parent.times, model.times, { rng: createRng('int8 against parent') });
    if (high > 1 && model.p50 < parent.p50) return [];
    const time = `${milliseconds(model.p50)} against ${milliseconds(parent.p50)}`;
    const size = `${bytesText(parent.bytes)} to ${bytesText(model.bytes)}`;
    const what = `${model.name} is not faster than ${parent.name} on this machine (${time})`;
    return [model.bytes < parent.bytes ? `${what}: it wins size (${size}), not time` : what];
  });
}

function milliseconds(value: number): string {
  return `${Number(value.toPrecision(3))} ms`;
}
