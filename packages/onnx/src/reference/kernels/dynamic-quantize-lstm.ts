import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { dynamicallyRounded } from './affine-numbers.ts';
import { withInputs } from './compose.ts';
import { expectDims, expectRank } from './expect-shape.ts';
import { transposed } from './movement.ts';
import { lstm, recurrent } from './recurrent.ts';

/** Real weights `[directions, gates, size]` from `[directions, size, gates]`, scaled by direction or by column. */
function weights(c: KernelContext, index: number, scaleIndex: number): Value {
  const [stored, scale, zero] = [c.input(index), c.input(scaleIndex), c.input(scaleIndex + 1)];
  expectRank(c, `input ${index}`, stored, 3);
  const [directions, size, gates] = stored.dims as [number, number, number];
  for (const parameter of [scale, zero]) {
    const columns = parameter.dims.length === 2;
    expectDims(c, 'scales and zero points', parameter, columns ? [directions, gates] : [directions]);
  }
  const parameterOf = ({ dims, data }: Value, i: number) => {
    const direction = Math.floor(i / (size * gates));
    return data[dims.length === 2 ? direction * gates + (i % gates) : direction]!;
  };
  const data = stored.data.map((element, i) => (element - parameterOf(zero, i)) * parameterOf(scale, i));
  return transposed({ type: scale.type, dims: stored.dims, data }, [0, 2, 1]);
}

const quantizedLstm = recurrent({ ...lstm, recall: dynamicallyRounded });

export const dynamicQuantizeLstm: Readonly<Record<string, Kernel>> = {
  /** LSTM with stored weights; the inputs, and before every step the hidden states, are rounded to 256 levels. */
  'com.microsoft.DynamicQuantizeLSTM': (c) => {
    const x = c.input(0);
    const rounded = { ...x, data: dynamicallyRounded(x.data) };
    const rest = [3, 4, 5, 6, 7].map((index) => c.optional(index));
    return quantizedLstm(withInputs(c, [rounded, weights(c, 1, 8), weights(c, 2, 10), ...rest]));
  },
};
