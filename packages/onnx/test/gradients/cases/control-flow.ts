import type { GraphBuilder } from '../../../src/builder.ts';
import { createGraphBuilder } from '../../../src/builder.ts';
import { type Graph, int64, type Tensor } from '../../../src/model.ts';
import type { Case, Cases } from '../finite-differences.ts';

/** A subgraph of what `make` emits; `make` returns its outputs. */
function graph(name: string, make: (g: GraphBuilder) => readonly string[]): Graph {
  const g = createGraphBuilder(name);
  const outputs = g.scope(`${name}/`, () => make(g));
  return { ...g.graph(), outputs: outputs.map((value) => ({ name: value })) };
}

const truth = (value: number): Tensor => ({ type: 'bool', dims: [], data: Uint8Array.of(value) });

/** Two outputs, of which each branch computes one from an outer value that the other branch does not use. */
const choice = (taken: number, constant: boolean): Case => ({
  shapes: [[2, 3], [3]],
  ...(constant ? {} : { fed: { condition: truth(taken) } }),
  build: (g, [x, y]) => {
    const condition = constant ? g.constant('condition', truth(taken)) : 'condition';
    const then_branch = graph('then', (b) => [b.op('Exp', [b.op('Mul', [x!, y!])]), b.op('Identity', [x!])]);
    const else_branch = graph('else', (b) => [b.op('Tanh', [x!]), b.op('Mul', [x!, x!])]);
    return g.ops('If', [condition], { then_branch, else_branch }, { outputs: 2 });
  },
});

/** h' = tanh(h·w + x), and h'² as what each round gives. */
const step = (weights: string): Graph =>
  graph('step', (b) => {
    const [h, x] = [b.input('h', 'float32', [2, 3]), b.input('x_t', 'float32', [2, 3])];
    const next = b.op('Tanh', [b.op('Add', [b.op('MatMul', [h, weights]), x])]);
    return [next, b.op('Mul', [next, next])];
  });
const scan = (
  input: readonly number[],
  attributes: Record<string, readonly number[]>,
  outputs: 'both' | 'last',
): Case => ({
  shapes: [[2, 3], input, [3, 3]],
  build: (g, [h, x, w]) => {
    const made = g.ops('Scan', [h!, x!], { body: step(w!), num_scan_inputs: 1, ...attributes }, { outputs: 2 });
    return outputs === 'both' ? made : made[0]!;
  },
});
const turned = {
  scan_input_axes: [1],
  scan_input_directions: [1],
  scan_output_axes: [1],
  scan_output_directions: [1],
};

/** Control flow: the branch taken by a fed and by a constant condition, scans of both directions, a loop that counts. */
export const controlFlowCases: Cases = {
  If: [choice(1, false), choice(0, false), choice(0, true)].map((row, index) => ({
    ...row,
    ...(index === 2 && { wanted: [0] }),
  })),
  Scan: [scan([4, 2, 3], {}, 'both'), scan([2, 4, 3], turned, 'both'), scan([4, 2, 3], {}, 'last')],
  Loop: [
    {
      shapes: [
        [2, 3],
        [3, 3],
      ],
      build: (g, [h, w]) => {
        const body = graph('round', (b) => {
          const count = b.input('count', 'int64', []);
          const go = b.input('go', 'bool', []);
          const state = b.input('state', 'float32', [2, 3]);
          const shifted = b.op('Add', [b.op('MatMul', [state, w!]), b.op('Cast', [count], { to: 1 })]);
          const next = b.op('Tanh', [shifted]);
          return [b.op('Identity', [go]), next, b.op('Mul', [next, state])];
        });
        return g.ops('Loop', [g.constant('rounds', int64([3], [])), '', h!], { body }, { outputs: 2 });
      },
    },
  ],
};
