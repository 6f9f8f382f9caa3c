import type { GradientContext, GradientRule } from '../rule.ts';

/** Sums and products along an axis. */
export const cumulative: Readonly<Record<string, GradientRule>> = {
  /** The same sum from the other end. */
  CumSum: { backward: (c) => [fromTheEnd(c, c.dy())] },
  /**
   * Before the first zero of a row, Σ dy·y/x from the other end. At the first zero, Σ dy·y with that zero left out.
   * Behind it every product keeps a zero, so the gradient is 0.
   */
  CumProd: {
    backward: (c) => {
      const { emitter: e } = c;
      const [exclusive, reverse] = [c.int('exclusive', 0), c.int('reverse', 0)];
      const zero = e.op('Equal', [c.x(), e.scalar(0)]);
      const zeros = e.op('CumSum', [e.op('Cast', [zero], { to: 1 }), c.x(1)], { reverse });
      const first = e.op('And', [zero, e.op('Equal', [zeros, e.scalar(1)])]);
      const without = e.op('Where', [first, e.scalar(1), c.x()]);
      const product = e.op('CumProd', [without, c.x(1)], { exclusive, reverse });
      const ahead = e.op('Div', [fromTheEnd(c, e.op('Mul', [c.dy(), c.y()])), without]);
      const at = fromTheEnd(c, e.op('Mul', [c.dy(), product]));
      const before = e.op('Where', [e.op('Equal', [zeros, e.scalar(0)]), ahead, e.scalar(0)]);
      return [e.op('Where', [first, at, before])];
    },
  },
};

function fromTheEnd(c: GradientContext, value: string): string {
  const [exclusive, reverse] = [c.int('exclusive', 0), 1 - c.int('reverse', 0)];
  return c.emitter.op('CumSum', [value, c.x(1)], { exclusive, reverse });
}
