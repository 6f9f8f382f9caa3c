import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { size } from '../value.ts';
import { expectDims } from './expect-shape.ts';

/** ln softmax over the classes, axis 1 of `[batch, classes, …]`. */
function logSoftmaxOverClasses({ type, dims, data }: Value): Value {
  const [classes, inner] = [dims[1]!, size(dims.slice(2))];
  const out = new Float64Array(data.length);
  for (let n = 0; n < dims[0]!; n++) {
    for (let d = 0; d < inner; d++) {
      const start = n * classes * inner + d;
      let top = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < classes; k++) top = Math.max(top, data[start + k * inner]!);
      let sum = 0;
      for (let k = 0; k < classes; k++) sum += Math.exp(data[start + k * inner]! - top);
      const total = top + Math.log(sum);
      for (let k = 0; k < classes; k++) out[start + k * inner] = data[start + k * inner]! - total;
    }
  }
  return { type, dims, data: out };
}

/**
 * −weight[target] · logProbabilities[…, target, …] for each target, 0 where the target is `ignore_index`, then reduced.
 * `mean` divides by the sum of the weights of the targets that count.
 */
function negativeLogLikelihood(c: KernelContext, logProbabilities: Value): Value {
  const { type, dims, data } = logProbabilities;
  const [target, weight] = [c.input(1), c.optional(2)];
  const [classes, inner] = [dims[1]!, size(dims.slice(2))];
  expectDims(c, 'targets', target, [dims[0]!, ...dims.slice(2)]);
  expectDims(c, 'weights', weight, [classes]);
  const ignored = c.node.attributes.ignore_index && c.int('ignore_index', 0);
  const losses = new Float64Array(target.data.length);
  let [total, weights] = [0, 0];
  for (const [i, label] of target.data.entries()) {
    if (label === ignored) continue;
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      c.misfit(`targets below ${classes}`, `${label} at ${i}`);
    const offset = (Math.floor(i / inner) * classes + label) * inner + (i % inner);
    const factor = weight ? weight.data[label]! : 1;
    losses[i] = -data[offset]! * factor;
    total += losses[i]!;
    weights += factor;
  }
  const reduction = c.text('reduction', 'mean');
  switch (reduction) {
    case 'none':
      return { type, dims: target.dims, data: losses };
    case 'sum':
      return { type, dims: [], data: Float64Array.of(total) };
    case 'mean':
      return { type, dims: [], data: Float64Array.of(total / weights) };
    default:
      return c.refuse(`the reduction "${reduction}"`);
  }
}

function scores(c: KernelContext): Value {
  const x = c.input(0);
  return x.dims.length >= 2 && x.dims[1] !== 0 ? x : c.misfit('scores of shape [batch, classes, …]', `[${x.dims}]`);
}

export const losses: Readonly<Record<string, Kernel>> = {
  NegativeLogLikelihoodLoss: (c) => [negativeLogLikelihood(c, scores(c))],
  /** Outputs the loss and ln softmax of the scores. */
  SoftmaxCrossEntropyLoss: (c) => {
    const logProbabilities = logSoftmaxOverClasses(scores(c));
    return [negativeLogLikelihood(c, logProbabilities), logProbabilities];
  },
};
