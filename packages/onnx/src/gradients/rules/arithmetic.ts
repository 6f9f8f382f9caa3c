import { materialize, reduceTo } from '../broadcast.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

/** The gradient of input `index`, summed over the axes along which it was broadcast. */
function reduced(c: GradientContext, gradient: string, index: number): string {
  const others = c.node.inputs.filter((_, other) => other !== index && other < c.node.inputs.length);
  return reduceTo(c.emitter, gradient, c.x(index), c.y(), others);
}

/** dy, left loose where `factor` gives the product the full shape anyway. */
function dyFor(c: GradientContext, factor: string): string {
  const loose = c.looseDy();
  return c.emitter.isLoose(loose) && c.emitter.sameDims(factor, c.y()) ? loose : c.dy();
}

/** dy passed on as it is, summed over broadcast axes. */
function passed(c: GradientContext, index: number): string {
  return c.emitter.sameDims(c.x(index), c.y()) ? c.looseDy() : reduced(c, c.dy(), index);
}

function negated(c: GradientContext, gradient: string): string {
  const made = c.emitter.op('Neg', [gradient]);
  return c.emitter.isLoose(gradient) ? c.emitter.loosen(made) : made;
}

/** `dx_i = dy` where x_i is the extreme; a tie of several wanted inputs shares the gradient evenly. */
const extreme: GradientRule = {
  backward: (c) => {
    const { emitter: e } = c;
    const wanted = c.node.inputs.map((_, index) => c.wants(index));
    const masks = wanted.map((want, index) => (want ? e.op('Equal', [c.x(index), c.y()]) : undefined));
    const active = masks.filter((mask) => mask !== undefined);
    let dy = c.dy();
    if (active.length > 1) {
      const ones = active.map((mask) => e.op('Cast', [mask], { to: 1 }));
      dy = e.op('Div', [dy, e.op('Max', [e.op('Sum', ones), e.scalar(1)])]);
    }
    return masks.map((mask, index) => mask && reduced(c, e.op('Where', [mask, dy, e.scalar(0)]), index));
  },
};

/** Elementwise operators of several inputs, with broadcasting. */
export const arithmetic: Readonly<Record<string, GradientRule>> = {
  Add: { backward: (c) => [0, 1].map((index) => (c.wants(index) ? passed(c, index) : undefined)) },
  Sum: { backward: (c) => c.node.inputs.map((_, index) => (c.wants(index) ? passed(c, index) : undefined)) },
  Mean: {
    backward: (c) => {
      const share = c.emitter.mul(c.looseDy(), c.emitter.scalar(1 / c.node.inputs.length));
      const dy = c.emitter.isLoose(c.looseDy()) ? materialize(c.emitter, c.emitter.loosen(share), c.y()) : share;
      return c.node.inputs.map((_, index) => (c.wants(index) ? reduced(c, dy, index) : undefined));
    },
  },
  Sub: {
    backward: (c) => [c.wants(0) ? passed(c, 0) : undefined, c.wants(1) ? negated(c, passed(c, 1)) : undefined],
  },
  Mul: {
    backward: (c) =>
      [0, 1].map((index) => {
        if (!c.wants(index)) return undefined;
        const factor = c.x(1 - index);
        return reduced(c, c.emitter.mul(dyFor(c, factor), factor), index);
      }),
  },
  Div: {
    backward: (c) => {
      const { emitter: e } = c;
      const divisor = e.valueOf(c.x(1));
      if (divisor?.dims.length === 0 && !c.wants(1)) {
        const share = e.mul(c.looseDy(), e.scalar(1 / Number(divisor.data[0])));
        return [e.isLoose(c.looseDy()) ? e.loosen(share) : share];
      }
      const scaled = e.op('Div', [c.wants(1) ? c.dy() : dyFor(c, c.x(1)), c.x(1)]);
      return [
        c.wants(0) ? reduced(c, scaled, 0) : undefined,
        c.wants(1) ? e.op('Neg', [reduced(c, e.op('Mul', [scaled, c.y()]), 1)]) : undefined,
      ];
    },
  },
  /** d(xᵖ) = p·xᵖ⁻¹ dx + xᵖ·ln x dp; the second term is 0 where x ≤ 0. */
  Pow: {
    backward: (c) => {
      const { emitter: e } = c;
      const exponent = e.valueOf(c.x(1));
      const p = exponent?.data.length === 1 ? Number(exponent.data[0]) : undefined;
      const base = () => {
        if (p === 0) return e.op('ConstantOfShape', [e.shape(c.x())]);
        if (p === 1) return passed(c, 0);
        if (p === 2) return e.mul(dyFor(c, c.x(0)), e.op('Add', [c.x(0), c.x(0)]));
        const lower = p === undefined ? e.op('Sub', [exponents(), e.scalar(1)]) : e.scalar(p - 1);
        const factor = p === undefined ? exponents() : e.scalar(p);
        const power = e.op('Mul', [p === 3 ? e.op('Mul', [c.x(0), c.x(0)]) : e.op('Pow', [c.x(0), lower]), factor]);
        // 0⁰ has slope 0, where p·x^(p−1) is 0·∞.
        const slope =
          p === undefined ? e.op('Where', [e.op('Equal', [factor, e.scalar(0)]), e.scalar(0), power]) : power;
        return reduced(c, e.mul(c.dy(), slope), 0);
      };
      const exponents = () =>
        (e.type(c.x(1))?.type ?? 'float32') === 'float32' ? c.x(1) : e.op('Cast', [c.x(1)], { to: 1 });
      const power = () => {
        const positive = e.op('Greater', [c.x(0), e.scalar(0)]);
        const logarithm = e.op('Log', [e.op('Where', [positive, c.x(0), e.scalar(1)])]);
        return reduced(c, e.mul(c.dy(), e.op('Mul', [c.y(), logarithm])), 1);
      };
      return [c.wants(0) ? base() : undefined, c.wants(1) ? power() : undefined];
    },
  },
  Where: {
    backward: (c) => {
      const zero = c.emitter.scalar(0);
      const part = (index: number) => {
        const dy = dyFor(c, c.x(0));
        const kept = c.emitter.op('Where', index === 1 ? [c.x(0), dy, zero] : [c.x(0), zero, dy]);
        return reduced(c, kept, index);
      };
      return [undefined, c.wants(1) ? part(1) : undefined, c.wants(2) ? part(2) : undefined];
    },
  },
  Max: extreme,
  Min: extreme,
  /**
   * Inside the bounds y equals x, so one comparison finds where the gradient passes. A bound that is wanted gets what
   * it held back (of bounds in the wrong order, which ONNX leaves open, the lower one gets it).
   */
  Clip: {
    backward: (c) => {
      const { emitter: e } = c;
      const kept = (mask: string) => e.op('Where', [mask, c.looseDy(), e.scalar(0)]);
      const bound = (comparison: string, index: number) => {
        const all = e.op('Where', [e.op(comparison, [c.x(), c.y()]), c.dy(), e.scalar(0)]);
        return e.reshapeLike(e.op('ReduceSum', [all], { keepdims: 0 }), c.x(index));
      };
      return [
        c.wants(0) ? kept(e.op('Equal', [c.x(), c.y()])) : undefined,
        c.wants(1) ? bound('Less', 1) : undefined,
        c.wants(2) ? bound('Greater', 2) : undefined,
      ];
    },
  },
  /** fmod or not, y = x − b·(whole number), and that number is (x − y)/b. */
  Mod: {
    backward: (c) => {
      const { emitter: e } = c;
      const whole = () => e.op('Div', [e.op('Sub', [c.y(), c.x()]), c.x(1)]);
      return [c.wants(0) ? passed(c, 0) : undefined, c.wants(1) ? reduced(c, e.mul(c.dy(), whole()), 1) : undefined];
    },
  },
  PRelu: {
    backward: (c) => {
      const { emitter: e } = c;
      const negative = e.op('Less', [c.x(), e.scalar(0)]);
      const slope = () => e.op('Where', [negative, c.x(1), e.scalar(1)]);
      return [
        c.wants(0) ? e.mul(c.looseDy(), slope()) : undefined,
        c.wants(1) ? reduceTo(e, e.mul(c.dy(), e.op('Min', [c.x(), e.scalar(0)])), c.x(1), c.y()) : undefined,
      ];
    },
  },
};
