import { createGraphBuilder } from '../src/builder.ts';
import { float32, type Model } from '../src/model.ts';

/** y = relu(x · w); a dead branch d1 → d2 with an initializer of its own; `kept` is used by a subgraph only. */
export function sample(): Model {
  const g = createGraphBuilder('sample');
  const x = g.input('x', 'float32', [2, 2]);
  const w = g.constant('w', float32([1, 2, 3, 4], [2, 2]));
  g.constant('kept', float32([1], []));
  g.op('Tanh', [g.op('Add', [x, g.constant('dead', float32([1], []))], {}, { name: 'd1' })], {}, { name: 'd2' });
  const product = g.op('MatMul', [x, w], {}, { name: 'product' });
  const branch = createGraphBuilder('branch');
  branch.output(branch.op('Mul', [product, 'kept'], {}, { outputs: ['z'] }), 'float32', [2, 2]);
  const body = branch.graph();
  g.output(
    g.op('If', [g.input('c', 'bool', [])], { then_branch: body, else_branch: body }, { name: 'choice' }),
    'float32',
    [2, 2],
    'y',
  );
  return g.model({ opset: 17 });
}
