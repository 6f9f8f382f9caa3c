import type { Kernel } from '../kernel.ts';
import { apply, channelsToBack, channelsToFront, mapped } from './compose.ts';
import { convolution } from './convolution.ts';
import { expectDims } from './expect-shape.ts';
import { fusedActivation } from './microsoft-linear.ts';
import { pools } from './pooling.ts';

/** Opset of ai.onnx by which the kernels of that domain are used here. */
const OPSET = 17;

export const microsoftConvolution: Readonly<Record<string, Kernel>> = {
  /** Conv, plus Z where it is given, then the activation. */
  'com.microsoft.FusedConv': (c) => {
    const [z, activation] = [c.optional(3), fusedActivation(c, c.floats('activation_params') ?? [])];
    const sum = apply(c, convolution.Conv!, [c.input(0), c.input(1), c.optional(2)], OPSET);
    expectDims(c, 'Z', z, sum.dims);
    return [mapped(sum, (x, i) => activation(x + (z?.data[i] ?? 0)))];
  },
  'com.microsoft.NhwcMaxPool': (c) => [channelsToBack(apply(c, pools.MaxPool!, [channelsToFront(c.input(0))], OPSET))],
};
