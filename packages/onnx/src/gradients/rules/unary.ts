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
  /** d/dx of the inverse functions is a quadratic of x, under a root or not. */
  Acos: { backward: (c) => [c.emitter.op('Neg', [c.emitter.op('Div', [c.dy(), rootOf(c, oneMinusSquare(c))])])] },
  Asin: { backward: (c) => [c.emitter.op('Div', [c.looseDy(), rootOf(c, oneMinusSquare(c))])] },
  Atan: { backward: (c) => [c.emitter.op('Div', [c.looseDy(), squarePlus(c, 1)])] },
  Acosh: { backward: (c) => [c.emitter.op('Div', [c.looseDy(), rootOf(c, squarePlus(c, -1))])] },
  Asinh: { backward: (c) => [c.emitter.op('Div', [c.looseDy(), rootOf(c, squarePlus(c, 1))])] },
  Atanh: { backward: (c) => [c.emitter.op('Div', [c.looseDy(), oneMinusSquare(c)])] },
  Cosh: scaledBy((c) => c.emitter.op('Sinh', [c.x()])),
  Sinh: scaledBy((c) => c.emitter.op('Cosh', [c.x()])),
  Tan: scaledBy((c) => c.emitter.op('Add', [c.emitter.op('Mul', [c.y(), c.y()]), c.emitter.scalar(1)])),
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
  LeakyRelu: scaledBy((c) => branches(c, c.emitter.scalar(c.float('alpha', 0.01)), c.emitter.scalar(1))),
  Elu: scaledBy((c) =>
    branches(c, c.emitter.op('Add', [c.y(), c.emitter.scalar(c.float('alpha', 1))]), c.emitter.scalar(1)),
  ),
  Selu: scaledBy((c) => {
    const [alpha, gamma] = [c.float('alpha', SELU_ALPHA), c.float('gamma', SELU_GAMMA)];
    const left = c.emitter.op('Add', [c.y(), c.emitter.scalar(alpha * gamma)]);
    return branches(c, left, c.emitter.scalar(gamma));
  }),
  ThresholdedRelu: scaledBy((c) => {
    const above = c.emitter.op('Greater', [c.x(), c.emitter.scalar(c.float('alpha', 1))]);
    return c.emitter.op('Cast', [above], { to: 1 });
  }),
  Shrink: scaledBy((c) => {
    const outside = c.emitter.op('Greater', [c.emitter.op('Abs', [c.x()]), c.emitter.scalar(c.float('lambd', 0.5))]);
    return c.emitter.op('Cast', [outside], { to: 1 });
  }),
  HardSigmoid: scaledBy((c) => {
    const { emitter: e } = c;
    const sloped = e.op('And', [e.op('Greater', [c.y(), e.scalar(0)]), e.op('Less', [c.y(), e.scalar(1)])]);
    return e.op('Where', [sloped, e.scalar(c.float('alpha', 0.2)), e.scalar(0)]);
  }),
  /** y = x/(1 + |x|), so 1/(1 + |x|)² is (1 − |y|)². */
  Softsign: scaledBy((c) => {
    const rest = c.emitter.op('Sub', [c.emitter.scalar(1), c.emitter.op('Abs', [c.y()])]);
    return c.emitter.op('Mul', [rest, rest]);
  }),
  /** y = x·s with s = σ(αx): s + αy(1 − s). */
  Swish: scaledBy((c) => {
    const { emitter: e } = c;
    const alpha = e.scalar(c.float('alpha', 1));
    const s = e.op('Sigmoid', [e.mul(c.x(), alpha)]);
    const bend = e.op('Mul', [e.mul(c.y(), alpha), e.op('Sub', [e.scalar(1), s])]);
    return e.op('Add', [s, bend]);
  }),
  Gelu: scaledBy((c) => (c.text('approximate', 'none') === 'tanh' ? geluTanhSlope(c) : geluSlope(c))),
  Cast: {
    backward: (c) => castBack(c, c.int('to', 1)),
    passes: (node) => {
      const to = node.attributes.to;
      return to?.kind === 'int' && Object.values(floatCodes).includes(Number(to.value));
    },
  },
  CastLike: {
    backward: (c) => castBack(c, floatCodes[c.emitter.type(c.x(1))?.type ?? 'float32']),
    passes: (node, typeOf) => (typeOf(node.inputs[1] ?? '')?.type ?? 'float32') in floatCodes,
  },
};

/** Defaults of Selu (https://onnx.ai/onnx/operators/onnx__Selu.html). */
const [SELU_ALPHA, SELU_GAMMA] = [Math.fround(1.6732631921768188), Math.fround(1.0507010221481323)];

/** One slope where x < 0, another elsewhere. */
function branches(c: GradientContext, negative: string, positive: string): string {
  return c.emitter.op('Where', [c.emitter.op('Less', [c.x(), c.emitter.scalar(0)]), negative, positive]);
}

function oneMinusSquare({ emitter: e, x }: GradientContext): string {
  return e.op('Sub', [e.scalar(1), e.op('Mul', [x(), x()])]);
}

function squarePlus({ emitter: e, x }: GradientContext, constant: number): string {
  return e.op('Add', [e.op('Mul', [x(), x()]), e.scalar(constant)]);
}

const rootOf = ({ emitter: e }: GradientContext, value: string) => e.op('Sqrt', [value]);

/** TensorProto.DataType numbers of the types that carry gradients. */
const floatCodes: Readonly<Record<string, number>> = { float32: 1, float16: 10, float64: 11, bfloat16: 16 };

function castBack(c: GradientContext, to: number | undefined): readonly string[] {
  const from = c.emitter.type(c.x())?.type ?? 'float32';
  const code = floatCodes[from];
  if (code === undefined) return c.refuse(`gradient of a ${from} value`);
  return [to === code ? c.looseDy() : passLoose(c, c.emitter.op('Cast', [c.looseDy()], { to: code }))];
}

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
