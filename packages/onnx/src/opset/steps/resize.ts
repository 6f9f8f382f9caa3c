import { float32 } from '../../model.ts';
import { toNumbers } from '../../number-formats.ts';
import type { StepContext, StepTable } from '../step.ts';

/** How versions up to 10 sample: from the corner; in mode `nearest` from the element below. */
const fromCorner = { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };

/** Upsampling and resizing, by scales alone up to version 10. */
export const resize: StepTable = {
  Upsample: [
    {
      to: 7,
      convert(c) {
        const [height, width] = [c.float('height_scale', 1), c.float('width_scale', 1)];
        c.revise({
          set: { scales: { kind: 'floats', value: [1, 1, height, width] }, mode: modeOf(c) },
          drop: ['height_scale', 'width_scale'],
        });
      },
    },
    {
      to: 9,
      convert(c) {
        const scales = c.floats('scales') ?? c.refuse('scales', 'none');
        c.revise({ inputs: [c.x(0), c.tensor('scales', float32(scales))], drop: ['scales'] });
      },
    },
    /** Withdrawn: Resize has it, whose opset 11 says which elements are sampled. */
    {
      to: 10,
      convert(c) {
        if (c.target < 11) c.revise({ opType: 'Resize', set: { mode: modeOf(c) } });
        else c.revise({ opType: 'Resize', inputs: resizeInputs(c), set: { ...fromCorner, mode: modeOf(c) } }, 11);
      },
    },
  ],
  Resize: [
    /** In mode `nearest` opset 10 samples below for enlarged axes and above for shrunk ones. */
    {
      to: 11,
      convert(c) {
        const nearest = modeOf(c) === 'nearest' && isShrinking(c) ? 'ceil' : 'floor';
        c.revise({ inputs: resizeInputs(c), set: { ...fromCorner, nearest_mode: nearest, mode: modeOf(c) } });
      },
    },
    /** Empty tensors stood for inputs that are not given. */
    {
      to: 13,
      convert(c) {
        const coordinate = c.text('coordinate_transformation_mode', 'half_pixel');
        const isCropping = coordinate === 'tf_crop_and_resize';
        const isEmpty = c.constant(c.x(2))?.data.length === 0;
        const scales = isEmpty || c.x(3) !== '' ? '' : c.x(2);
        c.revise({
          inputs: [c.x(0), isCropping ? c.x(1) : '', scales, c.x(3)],
          ...(coordinate === 'tf_half_pixel_for_nn' && { set: halfPixelBelow(c) }),
        });
      },
    },
  ],
};

function modeOf(c: StepContext): string {
  return c.text('mode', 'nearest').replace('bilinear', 'linear');
}

/** Inputs of opset 11: the region is not used, but required. */
function resizeInputs(c: StepContext): readonly string[] {
  return [c.x(0), c.tensor('roi', float32([])), c.x(1)];
}

/** True where axes are shrunk; one Resize cannot shrink some and enlarge others as opset 10 did. */
function isShrinking(c: StepContext): boolean {
  const tensor = c.constant(c.x(1)) ?? c.refuse('constant scales in mode nearest', 'computed ones');
  const scales = Array.from(toNumbers(tensor));
  const shrinks = scales.some((scale) => scale < 1);
  if (shrinks && scales.some((scale) => scale > 1)) {
    c.refuse('axes that are all enlarged or all shrunk in mode nearest', `scales [${scales}]`);
  }
  return shrinks;
}

/** `tf_half_pixel_for_nn` is gone; below `(x + 0.5) / s` lies the element nearest to `(x + 0.5) / s - 0.5`. */
function halfPixelBelow(c: StepContext): Readonly<Record<string, string>> {
  const mode = c.text('mode', 'nearest');
  const rounding = c.text('nearest_mode', 'round_prefer_floor');
  if (mode !== 'nearest' || rounding !== 'floor') {
    c.refuse('mode nearest and nearest_mode floor with tf_half_pixel_for_nn', `${mode}, ${rounding}`);
  }
  return { coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' };
}
