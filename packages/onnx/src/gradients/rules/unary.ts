import type { GradientContext, GradientRule } from '../rule.ts';

/** A rule `dx = dy · factor` with the factor in the shape of x. */
const scaledBy = (factor: (c: GradientContext) => string): GradientRule => ({
  backward: (c) => [c.emitter.mul(c.looseDy(), factor(c))],
});

const { log, sqrt, PI } = Math;

/** Elementwise operators of one input. */
export const unary: Readonly<Record<string, GradientRule>> = {
  Abs: scaledBy((c) => c.emitter.op('Sign', [c.x()])),
  Neg: { backward: (c) => [passLoose(c, c.emitter.op('Neg', [c.looseDy()]))] },
  Identity: { backward: (c) => [c.looseDy()] },
  Sqrt: { backward: (c) => [c.emitter.op('Div', [c.looseDy(), c.emitter.op('Add', [c.y(), c.y()])])] },
  Reciprocal: {
    backward: (c) => {
      const square = c.emitter.op('Mul', [c.y(), c.y()]);
      return [c.emitter.op('Neg', [c.emitter.mul(c.looseDy(), square)])];
    },
  },
  Exp: scaledBy((c) => c.y()),
  Log: { backward: (c) => [c.emitter.op('Div', [c.looseDy(), c.x()])] },
  Sin: scaledBy((c) => c.emitter.op('Cos', [c.x()])),
  Cos: { backward: (c) => [c.emitter.op('Neg', [c.emitter.mul(c.looseDy(), c.emitter.op('Sin', [c.x()]))])] },
  /** erf′(x) = 2/√π · exp(−x²), the factor moved into the exponent. */
  Erf: scaledBy((c) => {
    const square = c.emitter.op('Mul', [c.x(), c.x()]);
    return c.emitter.op('Exp', [c.emitter.op('Sub', [c.emitter.scalar(log(2 / sqrt(PI))), square])]);
  }),
  Tanh: scaledBy((c) => {
    const square = c.emitter.op('Mul', [c.y(), c.y()]);
    return c.emitter.op('Sub', [c.emitter.scalar(1), square]);
  }),
  Sigmoid: scaledBy((c) => {
    const rest = c.emitter.op('Sub', [c.emitter.scalar(1), c.y()]);
    return c.emitter.op('Mul', [c.y(), rest]);
  }),
  Softplus: scaledBy((c) => c.emitter.op('Sigmoid', [c.x()])),
  /** y is never negative, so its sign is the mask; at 0 the gradient is 0. */
  Relu: scaledBy((c) => c.emitter.op('Sign', [c.y()])),
  Gelu: scaledBy((c) => (c.text('approximate', 'none') === 'tanh' ? geluTanhSlope(c) : geluSlope(c))),
  Dropout: {
    backward: (c) => {
      const training = c.x(2);
      const value = training === '' ? undefined : c.emitter.valueOf(training);
      if (training !== '' && (value === undefined || value.data[0] !== 0)) {
        c.refuse('training mode draws its own mask (multiply by a mask that is fed in)');
      }
      return [c.looseDy()];
    },
  },
  Cast: {
    backward: (c) => {
      const from = c.emitter.type(c.x())?.type ?? 'float32';
      const code = floatCodes[from];
      if (code === undefined) return c.refuse(`gradient of a ${from} value`);
      const to = c.int('to', 1);
      return [to === code ? c.looseDy() : passLoose(c, c.emitter.op('Cast', [c.looseDy()], { to: code }))];
    },
    passes: (node) => {
      const to = node.attributes.to;
      return to?.kind === 'int' && Object.values(floatCodes).includes(Number(to.value));
    },
  },
};

/** TensorProto.DataType numbers of the types that carry gradients. */
const floatCodes: Readonly<Record<string, number>> = { float32: 1, float16: 10, float64: 11, bfloat16: 16 };

function passLoose(c: GradientContext, made: string): string {
  return c.emitter.isLoose(c.looseDy()) ? c.emitter.loosen(made) : made;
}

/** Φ(x) + x·φ(x) with u = x/√2, so that φ(x) = exp(−u²)/√(2π). */
function geluSlope({ emitter: e, x }: GradientContext): string {
  const u = e.op('Mul', [x(), e.scalar(Math.SQRT1_2)]);
  const half = e.op('Mul', [e.op('Erf', [u]), e.scalar(0.5)]);
  const density = e.op('Exp', [e.op('Sub', [e.scalar(-log(2 * PI) / 2), e.op('Mul', [u, u])])]);
  return e.op('Add', [e.op('Add', [half, e.scalar(0.5)]), e.op('Mul', [x(), density])]);
}

/** ½(1 + t) + ½x(1 − t²)·k(1 + 3·0.044715·x²) with t = tanh(k(x + 0.044715·x³)), k = √(2/π). */
function geluTanhSlope({ emitter: e, x }: GradientContext): string {
  const k = sqrt(2 / PI);
  const square = e.op('Mul', [x(), x()]);
  const scaled = (cubic: number) => e.op('Add', [e.op('Mul', [square, e.scalar(k * cubic)]), e.scalar(k)]);
  const t = e.op('Tanh', [e.op('Mul', [x(), scaled(0.044715)])]);
  const bend = e.op('Sub', [e.scalar(1), e.op('Mul', [t, t])]);
  const slope = e.op('Mul', [e.op('Mul', [x(), bend]), scaled(3 * 0.044715)]);
  return e.op('Mul', [e.op('Add', [e.op('Add', [t, e.scalar(1)]), slope]), e.scalar(0.5)]);
}
