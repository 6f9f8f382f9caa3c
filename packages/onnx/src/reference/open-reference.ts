import type { Engine, RunOptions, Tensors } from '../engine.ts';
import { SlmError } from '../errors.ts';
import type { Model, Tensor } from '../model.ts';
import { operatorKey, rowOf } from '../operator.ts';
import { createContext } from './kernel.ts';
import { referenceKernels } from './table.ts';
import type { Precision, Value } from './value.ts';
import { settle, toTensor, toValue } from './value.ts';

export interface ReferenceOptions {
  /** `float64` computes every float32 value in double precision and returns it as float64. Default `float32`. */
  readonly precision?: Precision;
}

/**
 * Opens the reference interpreter: one plain kernel per operator, one node after another. Slow and meant to be obviously
 * right; the witness for gradients and for other engines. Feeds of a float32 input may be float32 or float64.
 *
 * Errors: `REFERENCE_UNSUPPORTED` for an operator, form or element type without a kernel; `ENGINE_INPUT` from `run` for
 * missing or unknown feeds and unknown outputs; `REFERENCE_SHAPE` for operands that do not broadcast.
 */
export async function openReference(model: Model, options: ReferenceOptions = {}): Promise<Engine> {
  const { precision = 'float32' } = options;
  const { graph } = model;
  const opset = model.opsets[''] ?? 1;
  for (const node of graph.nodes) {
    if (rowOf(referenceKernels, node)) continue;
    throw new SlmError(
      'REFERENCE_UNSUPPORTED',
      `reference, node "${node.name}": expected an operator with a kernel, got ${operatorKey(node)}`,
    );
  }
  const constants = new Map<string, Value>();
  for (const [name, tensor] of graph.initializers) {
    constants.set(name, toValue(tensor, `reference, initializer "${name}"`));
  }

  const evaluate = (feeds: Tensors, signal: AbortSignal | undefined): ReadonlyMap<string, Value> => {
    const values = new Map(constants);
    for (const [name, tensor] of Object.entries(feeds)) values.set(name, feed(name, tensor, graph.inputs));
    for (const input of graph.inputs) {
      if (values.has(input.name)) continue;
      throw new SlmError('ENGINE_INPUT', `reference, input "${input.name}": expected a tensor, got none`);
    }
    for (const node of graph.nodes) {
      signal?.throwIfAborted();
      const inputs = node.inputs.map((input) => (input === '' ? undefined : values.get(input)));
      const outputs = rowOf(referenceKernels, node)!(createContext(node, inputs, opset));
      for (const [index, output] of node.outputs.entries()) {
        const made = outputs[index];
        if (output === '' || !made) continue;
        values.set(output, settle(made, precision));
      }
    }
    return values;
  };

  return {
    signature: { inputs: graph.inputs, outputs: graph.outputs },
    async run(feeds: Tensors, { signal, outputs }: RunOptions = {}) {
      signal?.throwIfAborted();
      const values = evaluate(feeds, signal);
      const wanted = outputs ?? graph.outputs.map((output) => output.name);
      return Object.fromEntries(
        wanted.map((name) => {
          const value = values.get(name);
          if (!value)
            throw new SlmError('ENGINE_INPUT', `reference, output "${name}": expected a graph output, got none`);
          return [name, toTensor(value, precision)];
        }),
      );
    },
    async [Symbol.asyncDispose]() {},
  };
}

function feed(name: string, tensor: Tensor, inputs: Model['graph']['inputs']): Value {
  const input = inputs.find((candidate) => candidate.name === name);
  if (!input) {
    const known = inputs.map((candidate) => candidate.name).join(', ');
    throw new SlmError('ENGINE_INPUT', `reference, feed "${name}": expected one of ${known}, got no such input`);
  }
  const value = toValue(tensor, `reference, feed "${name}"`);
  const expected = input.type?.type ?? value.type;
  const widened = expected === 'float32' && value.type === 'float64';
  if (value.type !== expected && !widened) {
    throw new SlmError('ENGINE_INPUT', `reference, feed "${name}": expected ${expected}, got ${value.type}`);
  }
  const dims = input.type?.dims;
  const fits =
    dims === undefined ||
    (dims.length === tensor.dims.length &&
      dims.every((dim, axis) => typeof dim !== 'number' || dim === tensor.dims[axis]));
  if (!fits) {
    throw new SlmError('ENGINE_INPUT', `reference, feed "${name}": expected [${dims}], got [${tensor.dims}]`);
  }
  return { ...value, type: expected };
}
