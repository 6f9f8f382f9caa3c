import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { expectDims, expectRank } from './expect-shape.ts';
import { zeros } from './zeros.ts';

/** The four neighbours of a place and their weights; no weight where the place lies beyond the outermost elements. */
function corners(y: number, x: number, height: number, width: number) {
  if (!(y >= -1 && y <= height && x >= -1 && x <= width)) return { at: [0, 0, 0, 0], weights: [0, 0, 0, 0] };
  const axis = (at: number, length: number): readonly [low: number, high: number, part: number] => {
    const low = Math.min(Math.floor(Math.max(at, 0)), length - 1);
    return [low, Math.min(low + 1, length - 1), low === length - 1 ? 0 : Math.max(at, 0) - low];
  };
  const [top, bottom, v] = axis(y, height);
  const [left, right, h] = axis(x, width);
  return {
    at: [top * width + left, top * width + right, bottom * width + left, bottom * width + right],
    weights: [(1 - v) * (1 - h), (1 - v) * h, v * (1 - h), v * h],
  };
}

/** Box as `[top, left, bottom, right]`, whichever corners or centre it is given by. */
function box(boxes: Value, at: number, centre: boolean): readonly [number, number, number, number] {
  const [a, b, p, q] = [0, 1, 2, 3].map((i) => boxes.data[at * 4 + i]!) as [number, number, number, number];
  if (centre) return [b - q / 2, a - p / 2, b + q / 2, a + p / 2];
  return [Math.min(a, p), Math.min(b, q), Math.max(a, p), Math.max(b, q)];
}

/** Intersection over union of two boxes; 0 when one has no area. */
function overlap(a: readonly number[], b: readonly number[]): number {
  const side = (low: number, high: number) => Math.max(high - low, 0);
  const area = ([top, left, bottom, right]: readonly number[]) => side(top!, bottom!) * side(left!, right!);
  if (area(a) <= 0 || area(b) <= 0) return 0;
  const shared =
    side(Math.max(a[0]!, b[0]!), Math.min(a[2]!, b[2]!)) * side(Math.max(a[1]!, b[1]!), Math.min(a[3]!, b[3]!));
  return shared / (area(a) + area(b) - shared);
}

const scalarOf = (c: KernelContext, index: number, otherwise: number): number =>
  c.optional(index)?.data[0] ?? otherwise;

/** The most samples of one bin of a region. */
const mostSamples = 2 ** 20;

export const detection: Readonly<Record<string, Kernel>> = {
  /** `[n, (batch, class, box)]`: per batch and class the boxes by falling score, without those a better one overlaps. */
  NonMaxSuppression: (c) => {
    const [boxes, scores] = [c.input(0), c.input(1)];
    expectRank(c, 'scores', scores, 3);
    const [batches, classes, count] = scores.dims as [number, number, number];
    expectDims(c, 'boxes', boxes, [batches, count, 4]);
    const most = scalarOf(c, 2, 0);
    const mostOverlap = scalarOf(c, 3, 0);
    const least = scalarOf(c, 4, Number.NEGATIVE_INFINITY);
    const centre = c.int('center_point_box', 0) === 1;
    const selected: number[] = [];
    for (let batch = 0; batch < batches && scores.data.length > 0; batch++) {
      const all = Array.from({ length: count }, (_, i) => box(boxes, batch * count + i, centre));
      for (let label = 0; label < classes; label++) {
        const from = (batch * classes + label) * count;
        const score = (i: number) => scores.data[from + i]!;
        const order = all.map((_, i) => i).filter((i) => score(i) > least);
        order.sort((i, j) => score(j) - score(i) || i - j);
        const kept: number[] = [];
        for (const i of order) {
          if (kept.length >= most) break;
          if (kept.every((j) => overlap(all[i]!, all[j]!) <= mostOverlap)) kept.push(i);
        }
        for (const i of kept) selected.push(batch, label, i);
      }
    }
    return [{ type: 'int64', dims: [selected.length / 3, 3], data: Float64Array.from(selected) }];
  },
  /**
   * `[regions, C, output_height, output_width]`: the mean, or the largest, of the samples of each bin of each region
   * `(x1, y1, x2, y2)`. The largest is taken over the weighted neighbours of the samples, as engines do.
   */
  RoiAlign: (c) => {
    const [x, rois, images] = [c.input(0), c.input(1), c.input(2)];
    expectRank(c, 'x', x, 4);
    const [batch, channels, height, width] = x.dims as [number, number, number, number];
    if (height * width === 0) c.misfit('images that are not empty', `[${x.dims}]`);
    expectDims(c, 'regions', rois, [undefined, 4]);
    expectDims(c, 'image indices', images, [rois.dims[0]]);
    const mode = c.text('mode', 'avg');
    if (mode !== 'avg' && mode !== 'max') c.refuse(`mode ${mode}`);
    const shifted = c.opset >= 16 && c.text('coordinate_transformation_mode', 'half_pixel') === 'half_pixel';
    const [rows, columns] = [c.int('output_height', 1), c.int('output_width', 1)];
    const [scale, ratio] = [c.float('spatial_scale', 1), c.int('sampling_ratio', 0)];
    const y = zeros(c, x.type, [rois.dims[0]!, channels, rows, columns]);
    if (y.data.length === 0) return [y];
    let next = 0;
    for (let roi = 0; roi < rois.dims[0]!; roi++) {
      const image = images.data[roi]!;
      if (!(image >= 0 && image < batch)) c.misfit(`images below ${batch}`, `${image}`);
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => rois.data[roi * 4 + i]! * scale - (shifted ? 0.5 : 0)) as [
        number,
        number,
        number,
        number,
      ];
      const side = (length: number) => (shifted ? length : Math.max(length, 1));
      const [binHeight, binWidth] = [side(y2 - y1) / rows, side(x2 - x1) / columns];
      const samples = (bin: number) => (ratio > 0 ? ratio : Math.max(Math.ceil(bin), 0));
      const [down, across] = [samples(binHeight), samples(binWidth)];
      if (!(down * across <= mostSamples)) c.misfit(`at most ${mostSamples} samples of a bin`, `${down}·${across}`);
      for (let channel = 0; channel < channels; channel++) {
        const plane = (image * channels + channel) * height * width;
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            let sum = 0;
            let best = Number.NEGATIVE_INFINITY;
            for (let v = 0; v < down; v++) {
              for (let h = 0; h < across; h++) {
                const top = y1 + row * binHeight + ((v + 0.5) * binHeight) / down;
                const left = x1 + column * binWidth + ((h + 0.5) * binWidth) / across;
                const { at, weights } = corners(top, left, height, width);
                for (let i = 0; i < 4; i++) {
                  const part = weights[i]! * x.data[plane + at[i]!]!;
                  sum += part;
                  best = Math.max(best, part);
                }
              }
            }
            const none = down * across === 0;
            y.data[next++] = none ? 0 : mode === 'max' ? best : sum / (down * across);
          }
        }
      }
    }
    return [y];
  },
};
