import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { apply, channelsToBack, channelsToFront } from './compose.ts';
import { convolution } from './convolution.ts';
import { expectDims } from './expect-shape.ts';
import { fusedActivation } from './microsoft-linear.ts';
import { pools } from './pooling.ts';
import { mapped } from './unary.ts';

/** Opset of ai.onnx by which the kernels of that domain are used here. */
const OPSET = 17;

function fusedConv(c: KernelContext, x: Value, z: Value | undefined): Value {
  const activation = fusedActivation(c, c.floats('activation_params') ?? []);
  const sum = apply(c, convolution.Conv!, [x, c.input(1), c.optional(2)], OPSET);
  expectDims(c, 'Z', z, sum.dims);
  return mapped(sum, (element, i) => activation(element + (z?.data[i] ?? 0)));
}

export const microsoftConvolution: Readonly<Record<string, Kernel>> = {
  /** Conv, plus Z where it is given, then the activation. */
  'com.microsoft.FusedConv': (c) => [fusedConv(c, c.input(0), c.optional(3))],
  'com.microsoft.NhwcFusedConv': (c) => {
    const z = c.optional(3);
    return [channelsToBack(fusedConv(c, channelsToFront(c.input(0)), z && channelsToFront(z)))];
  },
  'com.microsoft.NhwcConv': (c) => [
    channelsToBack(apply(c, convolution.Conv!, [channelsToFront(c.input(0)), c.input(1), c.optional(2)], OPSET)),
  ],
  'com.microsoft.NhwcMaxPool': (c) => [channelsToBack(apply(c, pools.MaxPool!, [channelsToFront(c.input(0))], OPSET))],
};
