import type { GraphBuilder } from '../../builder.ts';
import { createGraphBuilder } from '../../builder.ts';
import { scalar } from '../../model.ts';
import type { Emitter } from '../emitter.ts';
import type { GradientContext, GradientRule } from '../rule.ts';

/**
 * Recurrent layers (https://onnx.ai/onnx/operators/onnx__LSTM.html). The forward node stays. Its states are its own
 * output Y, so the gates of all steps are computed once more by two products over all steps; a Scan from the last step to
 * the first then carries dH (and dC) through the recurrent weights and gives the gradients of the gates; from these the
 * gradients of X, W, R and the biases are one product each over all steps.
 */
export const recurrent: Readonly<Record<string, GradientRule>> = {
  RNN: { backward: (c) => layers(c, 1, simple) },
  GRU: { backward: (c) => layers(c, 3, gated) },
  LSTM: { backward: (c) => layers(c, 4, longShort) },
};

/** One direction of a layer, with time as the first axis: T steps, B texts, I inputs, H hidden. */
interface Layer {
  readonly c: GradientContext;
  readonly e: Emitter;
  readonly hidden: number;
  /** True when step t follows step t + 1. */
  readonly turned: boolean;
  /** Input [T, B, I], state before each step [T, B, H], state after it. */
  readonly x: string;
  readonly before: string;
  readonly y: string;
  /** Start of the state, [B, H]. */
  readonly start: string;
  /** W [G·H, I], R [G·H, H], the two biases [G·H] where there are any. */
  readonly w: string;
  readonly r: string;
  readonly biases?: readonly [string, string];
  /** Gradient of each state [T, B, H], and of the last one [B, H]. */
  readonly dy: string | undefined;
  readonly dLast: string;
  /** True for steps inside a text's length, [T, B, 1]. */
  readonly mask?: string;
  /** Activation functions of this direction. */
  readonly activations: readonly string[];
  /** Start of the cell [B, H] and gradient of its last value, for LSTM. */
  readonly cell: string;
  readonly dLastCell: string;
}

/** What the scan of a layer gives. */
interface Scanned {
  /** Gradients of the gates' inputs [T, B, G·H], in the order of the operator's weights. */
  readonly dz: string;
  /** The part of them that the recurrent product makes, where it differs (GRU with a reset before the product). */
  readonly dzRecurrent?: string;
  /** What R was multiplied by, where it is not the state before; as row blocks of R. */
  readonly recurrentInputs?: readonly (readonly [from: number, to: number, input: string])[];
  readonly dStart: string;
  readonly dCell?: string;
}

/** Cuts the node into its directions, and puts the gradients of these together. */
function layers(c: GradientContext, gates: number, scan: (layer: Layer) => Scanned): readonly (string | undefined)[] {
  const { emitter: e } = c;
  const lstm = gates === 4;
  if (c.hasAttribute('clip')) c.refuse('a cell clip');
  if (c.int('input_forget', 0) !== 0) c.refuse('coupled input and forget gates');
  if (c.x(7) !== '') c.refuse('peepholes');
  const direction = c.text('direction', 'forward');
  const count = direction === 'bidirectional' ? 2 : 1;
  const hidden = c.int('hidden_size', undefined) ?? e.dims(c.x(2))?.at(-1);
  if (typeof hidden !== 'number') return c.refuse('the hidden size must be known');
  const batchFirst = c.int('layout', 0) === 1;
  /** [B, T, …] as [T, B, …], and back. */
  const timeFirst = (value: string, rank: number) =>
    batchFirst ? e.op('Transpose', [value], { perm: [1, 0, ...[2, 3].slice(0, rank - 2)] }) : value;
  const x = timeFirst(c.x(), 3);
  const shapeOfX = e.shape(x);
  const length = e.op('Slice', [shapeOfX, e.ints([0]), e.ints([1])]);
  const batch = e.op('Slice', [shapeOfX, e.ints([1]), e.ints([2])]);
  const stateShape = e.op('Concat', [batch, e.ints([hidden])], { axis: 0 });
  /** Y [T, D, B, H], with layout 1 [B, T, D, H]. */
  const states = batchFirst
    ? (value: string) => e.op('Transpose', [value], { perm: [1, 2, 0, 3] })
    : (value: string) => value;
  const yDims = [undefined, count, undefined, hidden];
  const all = states(e.extraOutput(c.node, 0, { type: 'float32', dims: yDims }));
  const one = (value: string, axis: number, at: number) =>
    e.op('Squeeze', [e.op('Slice', [value, e.ints([at]), e.ints([at + 1]), e.ints([axis])]), e.ints([axis])]);
  /** Direction `at` of a value [D, B, H] (or [B, D, H]), zeros when it is absent. */
  const stateOf = (value: string, at: number) =>
    value === '' ? e.op('ConstantOfShape', [stateShape]) : one(value, batchFirst ? 1 : 0, at);
  const names = c.node.attributes.activations;
  const given = names?.kind === 'strings' ? names.value : undefined;
  if (c.hasAttribute('activation_alpha') || c.hasAttribute('activation_beta')) c.refuse('activation parameters');
  const usual = gates === 1 ? ['Tanh'] : gates === 3 ? ['Sigmoid', 'Tanh'] : ['Sigmoid', 'Tanh', 'Tanh'];
  const lengths = c.x(4);
  const mask = lengths === '' ? undefined : stepMask(e, length, lengths);

  const parts = Array.from({ length: count }, (_, at) => {
    const turned = direction === 'reverse' || at === 1;
    const y = one(all, 1, at);
    const start = stateOf(c.x(5), at);
    const bias =
      c.x(3) === ''
        ? undefined
        : e.ops('Split', [one(c.x(3), 0, at), e.ints([gates * hidden, gates * hidden])], { axis: 0 }, 2);
    const zero = () => e.op('ConstantOfShape', [stateShape]);
    const layer: Layer = {
      c,
      e,
      hidden,
      turned,
      x,
      y,
      before: shift(e, y, start, turned, mask),
      start,
      w: one(c.x(1), 0, at),
      r: one(c.x(2), 0, at),
      ...(bias && { biases: [bias[0]!, bias[1]!] as const }),
      dy: c.hasDy(0) ? one(states(c.dy(0)), 1, at) : undefined,
      dLast: c.hasDy(1) ? stateOf(c.dy(1), at) : zero(),
      ...(mask !== undefined && { mask }),
      activations: given?.slice(at * usual.length, (at + 1) * usual.length) ?? usual,
      cell: lstm ? stateOf(c.x(6), at) : '',
      dLastCell: lstm ? (c.hasDy(2) ? stateOf(c.dy(2), at) : zero()) : '',
    };
    return gradientsOf(layer, scan(layer), gates);
  });

  const join = (values: readonly string[], axis: number) => {
    const apart = values.map((value) => e.op('Unsqueeze', [value, e.ints([axis])]));
    return apart.length === 1 ? apart[0]! : e.op('Concat', apart, { axis });
  };
  const stateAxis = batchFirst ? 1 : 0;
  const input = () => {
    const [first, second] = parts.map((part) => part.dx());
    return timeFirst(second === undefined ? first! : e.op('Add', [first!, second]), 3);
  };
  return [
    c.wants(0) ? input() : undefined,
    c.wants(1)
      ? join(
          parts.map((part) => part.dw()),
          0,
        )
      : undefined,
    c.wants(2)
      ? join(
          parts.map((part) => part.dr()),
          0,
        )
      : undefined,
    c.wants(3)
      ? join(
          parts.map((part) => part.db()),
          0,
        )
      : undefined,
    undefined,
    c.wants(5)
      ? join(
          parts.map((part) => part.dStart),
          stateAxis,
        )
      : undefined,
    lstm && c.wants(6)
      ? join(
          parts.map((part) => part.dCell!),
          stateAxis,
        )
      : undefined,
  ];
}

/** [T, B, 1]: true where the step is inside the text. */
function stepMask(e: Emitter, length: string, lengths: string): string {
  const zero = e.constant({ type: 'int64', dims: [], data: BigInt64Array.of(0n) });
  const one = e.constant({ type: 'int64', dims: [], data: BigInt64Array.of(1n) });
  const steps = e.op('Range', [zero, e.op('Squeeze', [length, e.ints([0])]), one]);
  const column = e.op('Unsqueeze', [steps, e.ints([1])]);
  const inside = e.op('Less', [column, e.op('Cast', [lengths], { to: 7 })]);
  return e.op('Unsqueeze', [inside, e.ints([2])]);
}

/** The state before each step: the one after the step before, `start` at the first. */
function shift(e: Emitter, y: string, start: string, turned: boolean, mask: string | undefined): string {
  const first = e.op('Unsqueeze', [start, e.ints([0])]);
  const rest = (value: string) =>
    turned
      ? e.op('Slice', [value, e.ints([1]), e.ints([Number.MAX_SAFE_INTEGER]), e.ints([0])])
      : e.op('Slice', [value, e.ints([0]), e.ints([-1]), e.ints([0])]);
  if (!turned) return e.op('Concat', [first, rest(y)], { axis: 0 });
  const later = mask === undefined ? rest(y) : e.op('Where', [rest(mask), rest(y), first]);
  return e.op('Concat', [later, first], { axis: 0 });
}

/** The gradients of one direction from those of its gates. */
function gradientsOf(layer: Layer, scanned: Scanned, gates: number) {
  const { e, hidden } = layer;
  const rows = (value: string, width: number) => {
    const made = e.op('Reshape', [value, e.ints([-1, width])]);
    e.setType(made, { type: 'float32', dims: [undefined, width] });
    return made;
  };
  const wide = gates * hidden;
  const dz = () => rows(scanned.dz, wide);
  const recurrentRows = () => (scanned.dzRecurrent === undefined ? dz() : rows(scanned.dzRecurrent, wide));
  const inputs = () => {
    const width = e.dims(layer.w)?.at(-1) ?? e.dims(layer.x)?.at(-1);
    return typeof width === 'number' ? rows(layer.x, width) : e.rows(layer.x);
  };
  const recurrentWeights = () => {
    const whole = recurrentRows();
    const parts = scanned.recurrentInputs;
    if (parts === undefined) return e.op('Gemm', [whole, rows(layer.before, hidden)], { transA: 1 });
    const blocks = parts.map(([from, to, input]) => {
      const block = e.op('Slice', [whole, e.ints([from]), e.ints([to]), e.ints([1])]);
      return e.op('Gemm', [block, rows(input, hidden)], { transA: 1 });
    });
    return e.op('Concat', blocks, { axis: 0 });
  };
  return {
    dx: () => e.op('MatMul', [scanned.dz, layer.w]),
    dw: () => e.op('Gemm', [dz(), inputs()], { transA: 1 }),
    dr: recurrentWeights,
    db: () => e.op('Concat', [e.sum(dz(), [0], false), e.sum(recurrentRows(), [0], false)], { axis: 0 }),
    dStart: scanned.dStart,
    dCell: scanned.dCell,
  };
}

/** The inputs of all gates at all steps: x·Wᵀ + before·Rᵀ + biases, or one of the two parts. */
function gateInputs(layer: Layer, part: 'both' | 'input' | 'recurrent'): string {
  const { e, biases } = layer;
  const product = (value: string, weights: string) =>
    e.op('MatMul', [value, e.op('Transpose', [weights], { perm: [1, 0] })]);
  const made: string[] = [];
  if (part !== 'recurrent') made.push(product(layer.x, layer.w), ...(biases ? [biases[0]] : []));
  if (part !== 'input') made.push(product(layer.before, layer.r), ...(biases ? [biases[1]] : []));
  return made.reduce((sum, next) => e.op('Add', [sum, next]));
}

/** What each activation is, and its derivative by its own value. */
const slopes: Readonly<Record<string, (e: Emitter, y: string) => string>> = {
  Sigmoid: (e, y) => e.op('Mul', [y, e.op('Sub', [e.scalar(1), y])]),
  Tanh: (e, y) => e.op('Sub', [e.scalar(1), e.op('Mul', [y, y])]),
  Relu: (e, y) => e.op('Sign', [y]),
};

function activate({ c, e, activations }: Layer, value: string, index: number): string {
  const name = activations[index] ?? '';
  return Object.hasOwn(slopes, name) ? e.op(name, [value]) : c.refuse(`activation ${name}`);
}

function slope({ e, activations }: Layer, y: string, index: number): string {
  return slopes[activations[index]!]!(e, y);
}

function blocks({ e, hidden }: Layer, value: string, count: number): readonly string[] {
  return e.ops('Split', [value, e.ints(Array.from({ length: count }, () => hidden))], { axis: 2 }, count);
}

/** A Scan against the direction of the layer: `states` are carried, `steps` read one by one; gives states, then stacks. */
function scanBack(
  layer: Layer,
  states: readonly string[],
  steps: readonly string[],
  body: (
    g: GraphBuilder,
    states: readonly string[],
    steps: readonly string[],
  ) => {
    readonly states: readonly string[];
    readonly stacks: readonly string[];
  },
): readonly string[] {
  const { e, turned } = layer;
  const g = createGraphBuilder('step');
  const label = e.fresh(`${layer.c.node.name || layer.c.y()}.step`);
  const name = (kind: string, at: number) => e.fresh(`${label}/${kind}${at}`);
  const stateNames = states.map((_, at) => name('state', at));
  const stepNames = steps.map((_, at) => name('in', at));
  const made = g.scope(`${label}/`, () => body(g, stateNames, stepNames));
  const graph = g.graph();
  const outputs = [...made.states, ...made.stacks].map((value) => ({ name: value }));
  const inputs = [...stateNames, ...stepNames].map((value) => ({ name: value }));
  const direction = turned ? 0 : 1;
  return e.ops(
    'Scan',
    [...states, ...steps],
    {
      body: { ...graph, inputs, outputs },
      num_scan_inputs: steps.length,
      scan_input_directions: steps.map(() => direction),
      scan_output_directions: made.stacks.map(() => direction),
    },
    states.length + made.stacks.length,
  );
}

/** The gradient of a state as it enters a step: what the step gave as output, and what later steps carried back. */
function entering(g: GraphBuilder, carried: string, dy: string | undefined): string {
  return dy === undefined ? carried : g.op('Add', [carried, dy]);
}

/** Steps behind a text's end hand the gradient of the state on as it is, and give none to their gates. */
function masked(g: GraphBuilder, mask: string | undefined, inside: string, outside: string): string {
  return mask === undefined ? inside : g.op('Where', [mask, inside, outside]);
}

/** The gradient that leaves Y, 0 behind a text's end. */
function seenGradient({ e, dy, mask }: Layer): readonly string[] {
  if (dy === undefined) return [];
  return [mask === undefined ? dy : e.op('Where', [mask, dy, e.scalar(0)])];
}

/** H' = f(z): dz = dH'·f', dH = dz·R. */
function simple(layer: Layer): Scanned {
  const { e } = layer;
  const factor = slope(layer, activate(layer, gateInputs(layer, 'both'), 0), 0);
  const seen = seenGradient(layer);
  const masks = layer.mask === undefined ? [] : [layer.mask];
  const [dStart, dz] = scanBack(layer, [layer.dLast], [factor, ...seen, ...masks], (g, [carried], steps) => {
    const dh = entering(g, carried!, seen.length > 0 ? steps[1] : undefined);
    const mask = masks.length > 0 ? steps.at(-1) : undefined;
    const own = g.op('Mul', [dh, steps[0]!]);
    const stack = masked(g, mask, own, g.constant('zero', scalar(0)));
    return { states: [masked(g, mask, g.op('MatMul', [own, layer.r]), dh)], stacks: [stack] };
  });
  e.setType(dStart!, e.type(layer.start));
  return { dz: dz!, dStart: dStart! };
}

/**
 * z, r = f(…), n = g(…), H' = (1 − z)·n + z·H (gates in the order z, r, n of the operator's weights). With
 * linear_before_reset the recurrent product of n is multiplied by r after, else H before it.
 */
function gated(layer: Layer): Scanned {
  const { c, e, hidden } = layer;
  const after = c.int('linear_before_reset', 0) !== 0;
  const [zx, rx, nx] = blocks(layer, gateInputs(layer, 'input'), 3);
  const sum = (a: string, b: string) => e.op('Add', [a, b]);
  const times = (a: string, b: string) => e.op('Mul', [a, b]);
  const rows = (value: string, from: number, to: number) =>
    e.op('Slice', [value, e.ints([from * hidden]), e.ints([to * hidden]), e.ints([0])]);
  const [zh, rh, nh] = blocks(layer, gateInputs(layer, 'recurrent'), 3);
  const z = activate(layer, sum(zx!, zh!), 0);
  const r = activate(layer, sum(rx!, rh!), 0);
  const reset = times(r, layer.before);
  const resetProduct = () => {
    const product = e.op('MatMul', [reset, e.op('Transpose', [rows(layer.r, 2, 3)], { perm: [1, 0] })]);
    return layer.biases ? sum(product, rows(layer.biases[1], 2, 3)) : product;
  };
  const n = activate(layer, sum(nx!, after ? times(r, nh!) : resetProduct()), 1);
  // dz-gate = dH'·(H − n)·z', dn = dH'·(1 − z)·n', each without dH'.
  const towardsZ = times(e.op('Sub', [layer.before, n]), slope(layer, z, 0));
  const towardsN = times(e.op('Sub', [e.scalar(1), z]), slope(layer, n, 1));
  // dr = dn·(recurrent product of n, or what comes back through R) times this.
  const slopeR = slope(layer, r, 0);
  const towardsR = times(after ? nh! : layer.before, slopeR);
  const seen = seenGradient(layer);
  const masks = layer.mask === undefined ? [] : [layer.mask];
  const recurrentZR = rows(layer.r, 0, 2);
  const recurrentN = rows(layer.r, 2, 3);
  const stacks = scanBack(
    layer,
    [layer.dLast],
    [z, r, towardsZ, towardsN, towardsR, ...seen, ...masks],
    (g, [carried], steps) => {
      const [zt, rt, az, an, ar] = steps as [string, string, string, string, string];
      const dh = entering(g, carried!, seen.length > 0 ? steps[5] : undefined);
      const mask = masks.length > 0 ? steps.at(-1) : undefined;
      const mul = (a: string, b: string) => g.op('Mul', [a, b]);
      const dz = mul(dh, az);
      const dn = mul(dh, an);
      const direct = mul(dh, zt);
      const dnRecurrent = after ? mul(dn, rt) : dn;
      const back = g.op('MatMul', [dnRecurrent, recurrentN]);
      const dr = after ? mul(dn, ar) : mul(back, ar);
      const through = g.op('MatMul', [g.op('Concat', [dz, dr], { axis: 1 }), recurrentZR]);
      const dBefore = g.op('Sum', [direct, through, after ? back : mul(back, rt)]);
      const zero = g.constant('zero', scalar(0));
      const whole = masked(g, mask, g.op('Concat', [dz, dr, dn], { axis: 1 }), zero);
      const states = [masked(g, mask, dBefore, dh)];
      if (!after) return { states, stacks: [whole] };
      return { states, stacks: [whole, masked(g, mask, g.op('Concat', [dz, dr, dnRecurrent], { axis: 1 }), zero)] };
    },
  );
  const [dStart, dz, dzRecurrent] = stacks;
  e.setType(dStart!, e.type(layer.start));
  if (after) return { dz: dz!, dzRecurrent: dzRecurrent!, dStart: dStart! };
  const recurrentInputs = [[0, 2 * hidden, layer.before] as const, [2 * hidden, 3 * hidden, reset] as const];
  return { dz: dz!, recurrentInputs, dStart: dStart! };
}

/**
 * i, o, f = f(…), g = g(…), C' = f·C + i·g, H' = o·h(C') (gates in the order i, o, f, g of the operator's weights). The
 * cells of all steps come from a Scan of their own, since the node gives the last one alone.
 */
function longShort(layer: Layer): Scanned {
  const { e } = layer;
  const [iz, oz, fz, gz] = blocks(layer, gateInputs(layer, 'both'), 4);
  const [i, o, f] = [iz, oz, fz].map((value) => activate(layer, value!, 0)) as [string, string, string];
  const g = activate(layer, gz!, 1);
  const times = (a: string, b: string) => e.op('Mul', [a, b]);
  const { before, after } = cells(layer, f, times(i, g));
  const shown = activate(layer, after, 2);
  // With dC the gradient of C' alone: di = dC·(g·i'), df = dC·(C·f'), dg = dC·(i·g'), do = dH'·(h(C')·o').
  const factors = [
    times(g, slope(layer, i, 0)),
    times(shown, slope(layer, o, 0)),
    times(before, slope(layer, f, 0)),
    times(i, slope(layer, g, 1)),
    times(o, slope(layer, shown, 2)),
    f,
  ];
  const seen = seenGradient(layer);
  const masks = layer.mask === undefined ? [] : [layer.mask];
  const [dStart, dCell, dz] = scanBack(
    layer,
    [layer.dLast, layer.dLastCell],
    [...factors, ...seen, ...masks],
    (b, [carriedH, carriedC], steps) => {
      const [ai, ao, af, ag, toCell, forget] = steps as [string, string, string, string, string, string];
      const dh = entering(b, carriedH!, seen.length > 0 ? steps[6] : undefined);
      const mask = masks.length > 0 ? steps.at(-1) : undefined;
      const mul = (x: string, y: string) => b.op('Mul', [x, y]);
      const dc = b.op('Add', [carriedC!, mul(dh, toCell)]);
      const own = b.op('Concat', [mul(dc, ai), mul(dh, ao), mul(dc, af), mul(dc, ag)], { axis: 1 });
      const stack = masked(b, mask, own, b.constant('zero', scalar(0)));
      const states = [masked(b, mask, b.op('MatMul', [own, layer.r]), dh), masked(b, mask, mul(dc, forget), carriedC!)];
      return { states, stacks: [stack] };
    },
  );
  e.setType(dStart!, e.type(layer.start));
  return { dz: dz!, dStart: dStart!, dCell: dCell! };
}

/** The cells before and after each step, [T, B, H]: C' = f·C + added. */
function cells(layer: Layer, f: string, added: string): { readonly before: string; readonly after: string } {
  const { e, turned, mask } = layer;
  const steps = [f, added, ...(mask === undefined ? [] : [mask])];
  const [, before, after] = scanBack({ ...layer, turned: !turned }, [layer.cell], steps, (g, [cell], [ft, at, mt]) => {
    const next = g.op('Add', [g.op('Mul', [ft!, cell!]), at!]);
    return { states: [masked(g, mt, next, cell!)], stacks: [g.op('Identity', [cell!]), g.op('Identity', [next])] };
  });
  const dims = [undefined, undefined, layer.hidden];
  for (const value of [before!, after!]) e.setType(value, { type: 'float32', dims });
  return { before: before!, after: after! };
}
