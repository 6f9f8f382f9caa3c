import type { GradientRule } from '../rule.ts';

/** Dropout passes the gradient of what it kept, scaled like what it kept. */
export const dropout: Readonly<Record<string, GradientRule>> = {
  /**
   * In training dx = dy·mask / (1 − ratio) with the mask the forward node drew; otherwise dx = dy. Where only the run
   * tells the mode, its mask is true everywhere in inference and the scale is chosen there.
   */
  Dropout: {
    backward: (c) => {
      const { emitter: e } = c;
      if (c.wants(1)) c.refuse('gradient of the ratio');
      const training = c.x(2) === '' ? undefined : e.valueOf(c.x(2));
      if (c.x(2) === '' || (training && Number(training.data[0]) === 0)) return [c.looseDy()];
      const type = e.type(c.x())?.dims;
      const mask = e.extraOutput(c.node, 1, { type: 'bool', ...(type && { dims: type }) });
      const known = c.x(1) === '' ? 0.5 : e.valueOf(c.x(1))?.data[0];
      const kept = e.op('Where', [mask, c.dy(), e.scalar(0)]);
      let scale: string;
      if (known !== undefined) scale = e.scalar(Number(known) === 1 ? 0 : 1 / (1 - Number(known)));
      else scale = e.op('Reciprocal', [e.op('Sub', [e.scalar(1), c.x(1)])]);
      return [e.mul(kept, training ? scale : e.op('Where', [c.x(2), scale, e.scalar(1)]))];
    },
  },
};
