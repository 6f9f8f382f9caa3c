import type { AttributeInput, GraphBuilder } from '../../src/builder.ts';
import { createGraphBuilder } from '../../src/builder.ts';
import { checkModel } from '../../src/check/check-model.ts';
import { addGradients } from '../../src/gradients/add-gradients.ts';
import type { Dim, Model, Tensor } from '../../src/model.ts';
import { elementCount, int64, scalar } from '../../src/model.ts';
import { openReference } from '../../src/reference/open-reference.ts';
import { createRng } from '../../src/rng.ts';

/** One form of an operator, to be differentiated with respect to its float inputs. */
export interface Case {
  /** Shapes of the float inputs x0, x1, … */
  readonly shapes: readonly (readonly number[])[];
  /** Emits the operator; returns the values whose weighted sum is the loss. */
  build(g: GraphBuilder, x: readonly string[]): string | readonly string[];
  /** Maps a standard normal draw into the operator's domain. */
  readonly draw?: (normal: number, index: number, element: number) => number;
  readonly opset?: number;
  /** Inputs to differentiate; all by default. */
  readonly wanted?: readonly number[];
  /** Integer inputs that are fed, so that nothing is known of them beforehand. */
  readonly fed?: Readonly<Record<string, Tensor>>;
  /** Also with dimensions that are not declared. Default true. */
  readonly dynamic?: boolean;
  /** Also with ranks that are not declared. Default false. */
  readonly unranked?: boolean;
  /** Why ONNX Runtime cannot run the case, where it cannot. */
  readonly notOnOrt?: string;
}

export type Cases = Readonly<Record<string, readonly Case[]>>;

/** What the model says of its inputs. */
export type Declared = 'shapes' | 'ranks' | 'nothing';

/** The declarations a case is to be checked with. */
export function declarations({ dynamic = true, unranked = false }: Case): readonly Declared[] {
  return ['shapes', ...(dynamic ? (['ranks'] as const) : []), ...(unranked ? (['nothing'] as const) : [])];
}

export const positive = (x: number) => Math.exp(0.4 * x) + 0.1;
/** Keeps away from the kink at 0. */
export const awayFromZero = (x: number) => (x < 0 ? x - 0.1 : x + 0.1);
/** Between −0.9 and 0.9. */
export const inside = (x: number) => 0.9 * Math.tanh(x);

/** Applies one operator to all inputs and constants. */
export const op =
  (opType: string, attributes: Record<string, AttributeInput> = {}, constants: readonly Tensor[] = []) =>
  (g: GraphBuilder, x: readonly string[]) =>
    g.op(opType, [...x, ...constants.map((tensor, i) => g.constant(`c${i}`, tensor))], attributes);

export const one = (shapes: Case['shapes'], build: Case['build'], more: Partial<Case> = {}): Case => ({
  shapes,
  build,
  ...more,
});

/** The model whose output is the loss Σ w·y over all outputs y, with fixed random weights w. */
export function lossModel(row: Case, declared: Declared): Model {
  const g = createGraphBuilder('row');
  const dims = (shape: readonly number[]): readonly Dim[] =>
    declared === 'shapes' ? shape : shape.map(() => undefined);
  const inputs = row.shapes.map((shape, i) => g.input(`x${i}`, 'float32', dims(shape)));
  for (const [name, tensor] of Object.entries(row.fed ?? {})) g.input(name, tensor.type, dims(tensor.dims));
  const made = row.build(g, inputs);
  const terms = (typeof made === 'string' ? [made] : made).map((value, i) => {
    const phase = g.constant(`phase${i}`, scalar(0.7 + i));
    const flat = g.op('Reshape', [value, g.constant(`flat${i}`, int64([-1]))]);
    const size = g.op('Size', [flat]);
    const integer = (name: string, n: number) => g.constant(`${name}${i}`, int64([n], []));
    const range = g.op('Range', [integer('from', 1), g.op('Add', [size, integer('by', 1)]), integer('step', 1)]);
    const weights = g.op('Sin', [g.op('Mul', [g.op('Cast', [range], { to: 1 }), phase])]);
    return g.op('ReduceSum', [g.op('Mul', [flat, weights])], { keepdims: 0 });
  });
  const loss = terms.length === 1 ? terms[0]! : g.op('Sum', terms);
  g.output(loss, 'float32', []);
  const model = g.model({ opset: row.opset ?? 17 });
  if (declared !== 'nothing') return model;
  const undeclared = model.graph.inputs.map(({ name, type }) => ({ name, type: { type: type!.type } }));
  return { ...model, graph: { ...model.graph, inputs: undeclared } };
}

/** A case ready to run: the forward model, the checked model with gradients, feeds in float64. */
export function differentiate(row: Case, declared: Declared, seed: number) {
  const model = lossModel(row, declared);
  const loss = model.graph.outputs[0]!.name;
  const rng = createRng(`row ${seed}`);
  const { draw = (x: number) => x } = row;
  const inputs = row.shapes.map((dims, i) => ({
    name: `x${i}`,
    tensor: {
      type: 'float64' as const,
      dims,
      data: Float64Array.from({ length: elementCount(dims) }, (_, element) => draw(rng.normal(), i, element)),
    },
  }));
  const wanted = (row.wanted ?? row.shapes.map((_, i) => i)).map((i) => inputs[i]!);
  const { model: step } = addGradients(model, { loss, parameters: wanted.map(({ name }) => name) });
  checkModel(step);
  const feeds: Record<string, Tensor> = { ...row.fed };
  for (const { name, tensor } of inputs) feeds[name] = tensor;
  return { model, loss, step, feeds, wanted };
}

/**
 * Largest difference to central finite differences in float64, relative to the largest gradient, along two random
 * directions that move every element of an input.
 */
export async function worstError(row: Case, declared: Declared, seed: number): Promise<number> {
  const { model, loss, step, feeds, wanted } = differentiate(row, declared, seed);
  const results = await (await openReference(step, { precision: 'float64' })).run(feeds);
  const forward = await openReference(model, { precision: 'float64' });
  const rng = createRng(`directions ${seed}`);

  let worst = 0;
  for (const { name, tensor } of wanted) {
    const gradient = results[`grad/${name}`]!;
    if (`${gradient.dims}` !== `${tensor.dims}`) {
      throw new Error(`grad/${name}: expected shape [${tensor.dims}], got [${gradient.dims}]`);
    }
    const slopes = Array.from(gradient.data as Float64Array);
    const scale = Math.max(...slopes.map(Math.abs), 1e-3);
    const anywhere = () => slopes.map(() => rng.uniform() * 2 - 1);
    for (const direction of [anywhere(), anywhere()]) {
      const at = async (shift: number) => {
        const data = Float64Array.from(tensor.data as Float64Array, (value, i) => value + shift * direction[i]!);
        const moved = await forward.run({ ...feeds, [name]: { ...tensor, data } });
        return Number(moved[loss]!.data[0]);
      };
      const h = 2e-4;
      // Fourth-order central difference: the error falls with h⁴.
      const [far, near] = [(await at(2 * h)) - (await at(-2 * h)), (await at(h)) - (await at(-h))];
      const expected = (8 * near - far) / (12 * h);
      const found = slopes.reduce((sum, slope, i) => sum + slope * direction[i]!, 0);
      const difference = Math.abs(found - expected) / scale;
      worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    }
  }
  return worst;
}
