import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createGraphBuilder, float } from '../builder.ts';
import { isSlmError } from '../errors.ts';
import { decodeModel } from '../io/decode.ts';
import { float32, type Graph, type Model, type Node } from '../model.ts';
import { checkModel } from './check-model.ts';

function valid(): Model {
  const g = createGraphBuilder('g');
  const x = g.input('x', 'float32', ['n', 2]);
  const y = g.op('MatMul', [x, g.constant('w', float32([1, 2, 3, 4], [2, 2]))], {}, { name: 'first' });
  g.output(g.op('Softmax', [y], { axis: -1 }, { name: 'second' }), 'float32', ['n', 2]);
  return g.model({ opset: 17 });
}

/** The valid model with a changed graph. */
function having(change: (graph: Graph) => Partial<Graph>, model: Partial<Model> = {}): Model {
  const whole = valid();
  return { ...whole, ...model, graph: { ...whole.graph, ...change(whole.graph) } };
}

/** The valid model with a changed second node. */
function second(change: Partial<Node>, model: Partial<Model> = {}): Model {
  return having(({ nodes }) => ({ nodes: [nodes[0]!, { ...nodes[1]!, ...change }] }), model);
}

describe('checkModel accepts', () => {
  it.each(['operators', 'bert'])('the exported model %s', (name) => {
    checkModel(decodeModel(readFileSync(new URL(`../../goldens/${name}.onnx`, import.meta.url))));
  });

  it.each<[string, Model]>([
    ['a small model', valid()],
    ['an operator newer than its table', second({ opType: 'NewerOperator', attributes: {} }, { opsets: { '': 99 } })],
    [
      'any operator of a foreign domain',
      second({ opType: 'Whatever', domain: 'com.example', attributes: {} }, { opsets: { '': 17, 'com.example': 3 } }),
    ],
    [
      'newer inputs and attributes of an operator of ONNX Runtime',
      second(
        { opType: 'QuickGelu', domain: 'com.microsoft', inputs: ['x', 'x'], attributes: { novel: float(1) } },
        { opsets: { '': 17, 'com.microsoft': 1 } },
      ),
    ],
    ['ai.onnx by its name', second({ domain: 'ai.onnx' })],
    ['internal attributes', second({ attributes: { __note: float(1) } })],
    ['attributes newer than its table', second({ attributes: { novel: float(1) } }, { opsets: { '': 99 } })],
    [
      'an initializer that is the default of an input',
      having(({ inputs }) => ({ inputs: [...inputs, { name: 'w' }] })),
    ],
    [
      'a call of a local function',
      second(
        { opType: 'F', domain: 'local', attributes: {} },
        {
          functions: [
            {
              domain: 'local',
              name: 'F',
              inputs: ['a'],
              outputs: ['b'],
              attributeNames: [],
              attributes: {},
              opsets: { '': 17 },
              nodes: [{ name: '', opType: 'Relu', domain: '', inputs: ['a'], outputs: ['b'], attributes: {} }],
            },
          ],
        },
      ),
    ],
  ])('%s', (_, model) => {
    checkModel(model);
  });
});

describe('checkModel refuses', () => {
  const inner = (graph: Partial<Graph>): Model =>
    second(
      {
        opType: 'Scan2',
        domain: 'com.example',
        attributes: {
          body: {
            kind: 'graph',
            value: {
              ...valid().graph,
              name: 'body',
              inputs: [],
              initializers: new Map(),
              nodes: [],
              outputs: [],
              ...graph,
            },
          },
        },
      },
      { opsets: { '': 17, 'com.example': 1 } },
    );

  it.each<[string, Model, string]>([
    ['a model without IR version', { ...valid(), irVersion: 0 }, 'model: expected an IR version of at least 1, got 0'],
    [
      'an unknown input',
      second({ inputs: ['z'] }),
      'graph, node "second" (Softmax): expected defined inputs, got unknown value "z"',
    ],
    [
      'a node out of order',
      having(({ nodes }) => ({ nodes: nodes.toReversed() })),
      'graph, node "second" (Softmax): expected nodes in topological order, got value "first.out" of a later node (sort the nodes)',
    ],
    [
      'a cycle',
      second({ inputs: ['second.out'] }),
      'graph, node "second" (Softmax): expected inputs defined before, got its own output value "second.out"',
    ],
    [
      'a value defined twice',
      second({ outputs: ['first.out'] }),
      'graph, node "second" (Softmax), output: expected values defined once, got "first.out" again',
    ],
    [
      'an output nobody makes',
      having(() => ({ outputs: [{ name: 'z' }] })),
      'graph, output: expected a defined value, got unknown value "z"',
    ],
    [
      'an output listed twice',
      having(({ outputs }) => ({ outputs: [...outputs, ...outputs] })),
      'graph, output: expected values defined once, got "second.out" again',
    ],
    [
      'an input listed twice',
      having(({ inputs }) => ({ inputs: [...inputs, ...inputs] })),
      'graph, input: expected values defined once, got "x" again',
    ],
    [
      'a nameless input',
      having(({ inputs }) => ({ inputs: [...inputs, { name: '' }] })),
      'graph, input: expected a name, got none',
    ],
    [
      'a node name used twice',
      second({ name: 'first' }),
      'graph, node "first" (Softmax): expected a node name of its own, got that of another node',
    ],
    ['a node without operator', second({ opType: '' }), 'graph, node "second" (): expected an operator, got none'],
    [
      'an undeclared domain',
      second({ domain: 'x' }),
      'graph, node "second" (Softmax): expected a version of operator-set domain "x", got none (add it to the model\'s opsets)',
    ],
    [
      'a mistyped operator',
      second({ opType: 'SoftMaxx' }),
      'graph, node "second" (SoftMaxx): expected an operator of ai.onnx 17, got "SoftMaxx" (did you mean Softmax?)',
    ],
    [
      'an operator like no other',
      second({ opType: 'Frobnicate', domain: 'ai.onnx' }),
      'graph, node "second" (Frobnicate): expected an operator of ai.onnx 17, got "Frobnicate"',
    ],
    [
      'an operator of a later opset',
      second({ opType: 'Gelu', attributes: {} }),
      'graph, node "second" (Gelu): expected an operator of ai.onnx 17, got "Gelu" (it came with version 20)',
    ],
    [
      'a withdrawn operator',
      second({ opType: 'Upsample', inputs: ['x', 'w'], attributes: {} }),
      'graph, node "second" (Upsample): expected an operator of opset 17, got Upsample, withdrawn at 10',
    ],
    [
      'an omitted input that is required',
      second({ opType: 'Where', attributes: {}, inputs: ['x', '', 'x'] }),
      'graph, node "second" (Where): expected input 1, got none',
    ],
    [
      'an attribute that an operator of ONNX Runtime needs',
      second(
        { opType: 'MultiHeadAttention', domain: 'com.microsoft', attributes: {} },
        { opsets: { '': 17, 'com.microsoft': 1 } },
      ),
      'graph, node "second" (MultiHeadAttention): expected attribute "num_heads", got none',
    ],
    ['too many inputs', second({ inputs: ['x', 'w'] }), 'graph, node "second" (Softmax): expected 1 inputs, got 2'],
    [
      'too few inputs',
      second({ opType: 'Where', attributes: {}, inputs: ['x', 'x'] }),
      'graph, node "second" (Where): expected 3 inputs, got 2',
    ],
    ['too many outputs', second({ outputs: ['a', 'b'] }), 'graph, node "second" (Softmax): expected 1 outputs, got 2'],
    [
      'a missing attribute',
      second({ opType: 'Cast', attributes: {} }),
      'graph, node "second" (Cast): expected attribute "to", got none',
    ],
    [
      'an attribute of the wrong kind',
      second({ attributes: { axis: float(1) } }),
      'graph, node "second" (Softmax), attribute "axis": expected kind int, got float',
    ],
    [
      'an attribute of a later opset',
      second(
        { opType: 'Reshape', inputs: ['x', 'x'], attributes: { allowzero: { kind: 'int', value: 1 } } },
        { opsets: { '': 13 } },
      ),
      'graph, node "second" (Reshape): expected no attributes (opset 13), got attribute "allowzero"',
    ],
    [
      'inputs of a later opset',
      second({ opType: 'ReduceMean', inputs: ['x', 'x'], attributes: {} }),
      'graph, node "second" (ReduceMean): expected 1 inputs, got 2',
    ],
    [
      'a short initializer',
      having(() => ({ initializers: new Map([['w', float32([1], [2, 2])]]) })),
      'graph, initializer "w": expected 4 stored values for float32[2,2], got 1 (4 bytes)',
    ],
    [
      'the wrong storage',
      having(() => ({ initializers: new Map([['w', { type: 'int64', dims: [1], data: Float32Array.of(1) }]]) })),
      'graph, initializer "w": expected BigInt64Array for int64, got Float32Array',
    ],
    [
      'an unknown value in a subgraph',
      inner({ outputs: [{ name: 'q' }] }),
      'graph, node "second" (Scan2), subgraph "body", output: expected a defined value, got unknown value "q"',
    ],
    [
      'a subgraph that redefines an outer value',
      inner({ nodes: [{ ...valid().graph.nodes[0]! }] }),
      'graph, node "second" (Scan2), subgraph "body", node "first" (MatMul), output: expected values defined once, got "first.out" again',
    ],
  ])('%s', (_, model, message) => {
    let found: unknown;
    try {
      checkModel(model);
    } catch (error) {
      found = error;
    }
    expect(isSlmError(found) && [found.code, found.message]).toEqual(['ONNX_INVALID', message]);
  });
});
