import type { Dim } from '../../model.ts';
import { floorDivide, multiply } from '../dims.ts';
import { axisOf, intsOf, like, type RuleContext, rows, type TypeRule, tensor, textOf, unknownDims } from '../rule.ts';

/** Operators on images: resizing and sampling. */
export const visionRules: Readonly<Record<string, TypeRule>> = {
  ...rows('Resize Upsample', (context) => [like(context.inputs[0], resizedDims(context))]),
  GridSample: ({ inputs: [x, grid] }) => {
    const rank = x?.dims?.length ?? grid?.dims?.length;
    if (rank === undefined) return [like(x, undefined)];
    const sizes = grid?.dims?.slice(1, -1) ?? unknownDims(rank - 2) ?? [];
    return [like(x, [x?.dims?.[0] ?? grid?.dims?.[0], x?.dims?.[1], ...sizes])];
  },
  AffineGrid: (context) => {
    const [theta] = context.inputs;
    const size = context.known(1)?.elements ?? unknownDims(context.inputs[1]?.dims?.[0]);
    return [like(theta, size && [size[0], ...size.slice(2), size.length - 2])];
  },
  ImageDecoder: ({ node }) => [
    tensor('uint8', [undefined, undefined, textOf(node, 'pixel_format', 'RGB') === 'Grayscale' ? 1 : 3]),
  ],
};

/** Sizes given, or scaled and rounded down; only some axes from opset 18 on. */
function resizedDims(context: RuleContext): readonly Dim[] | undefined {
  const { node, inputs, version } = context;
  const dims = inputs[0]?.dims;
  if (dims === undefined) return undefined;
  const axes = intsOf(node, 'axes')?.map((axis) => axisOf(axis, dims.length, node)) ?? dims.map((_, axis) => axis);
  const result = [...dims];
  const scaleInput = node.opType === 'Upsample' || version < 11 ? 1 : 2;
  const sizes = context.has(3) ? context.known(3)?.elements : undefined;
  const attribute = Object.hasOwn(node.attributes, 'scales') ? node.attributes.scales : undefined;
  const scales = attribute?.kind === 'floats' ? attribute.value : context.known(scaleInput)?.elements;
  const policy = textOf(node, 'keep_aspect_ratio_policy', 'stretch');
  let common: number | undefined;
  if (context.has(3) && policy !== 'stretch' && sizes !== undefined) {
    const ratios = axes.map((axis, index) => Number(sizes[index]) / Number(dims[axis]));
    common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  }
  axes.forEach((axis, index) => {
    const [dim, scale] = [dims[axis], scales?.[index]];
    if (context.has(3)) {
      const size = sizes?.[index];
      const kept = typeof dim === 'number' && Number.isFinite(common) ? Math.floor(dim * common! + 0.5) : undefined;
      result[axis] = policy === 'stretch' ? size : kept;
    } else if (scale === 1) result[axis] = dim;
    else if (typeof dim === 'number' && typeof scale === 'number') result[axis] = Math.floor(dim * scale);
    else if (typeof scale === 'number' && Number.isInteger(scale)) result[axis] = multiply([dim, scale]);
    else if (typeof scale === 'number' && Number.isInteger(1 / scale)) result[axis] = floorDivide(dim, 1 / scale);
    else result[axis] = undefined;
  });
  return result;
}
