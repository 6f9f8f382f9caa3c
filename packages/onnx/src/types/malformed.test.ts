import { expect, it } from 'vitest';
import { microsoftSignatures, onnxSignatures, signaturesOf } from '../check/signatures.ts';
import { isSlmError } from '../errors.ts';
import type { Attribute, DataType, Dim, Graph, Model, Node, Tensor, ValueInfo } from '../model.ts';
import { createRng, type Rng } from '../rng.ts';
import { inferTypes } from './infer.ts';

const keys = [...Object.keys(onnxSignatures), ...Object.keys(microsoftSignatures)];
const types: readonly DataType[] = ['float32', 'int64', 'int32', 'bool', 'uint8', 'string', 'float16', 'int4'];
const sizes: readonly Dim[] = [0, 1, 2, 3, 7, 'n', 'past + seq', '(a//2)', undefined, 1e9, 2 ** 40];
const numbers = [0, 1, -1, 2, 3, -5, 7, 100, -2147483648, 9007199254740991n, 9223372036854775807n];
const texts = ['SAME_UPPER', 'VALID', 'ij,jk->ik', '...ij->...', 'a,b', '->', 'bidirectional', 'x...', 'none', ''];

function pick<T>(rng: Rng, items: readonly T[]): T {
  return items[rng.integer(items.length)]!;
}

function many<T>(rng: Rng, most: number, make: () => T): T[] {
  return Array.from({ length: rng.integer(most + 1) }, make);
}

function integers(rng: Rng): Tensor {
  const values = many(rng, 5, () => BigInt(pick(rng, numbers)));
  const isScalar = rng.uniform() < 0.3;
  return {
    type: 'int64',
    dims: isScalar ? [] : [values.length],
    data: BigInt64Array.from(isScalar ? [values[0] ?? 0n] : values),
  };
}

/** A value of a kind, now and then of another one. */
function attribute(rng: Rng, wanted: string, values: readonly string[]): Attribute {
  const kind = rng.uniform() < 0.1 ? pick(rng, ['int', 'ints', 'string', 'floats']) : wanted;
  switch (kind) {
    case 'int':
      return { kind, value: pick(rng, numbers) };
    case 'ints':
      return { kind, value: many(rng, 5, () => pick(rng, numbers)) };
    case 'float':
      return { kind, value: rng.normal() };
    case 'floats':
      return { kind, value: many(rng, 4, () => pick(rng, [0.5, 2, Number.NaN, -1])) };
    case 'string':
      return { kind, value: pick(rng, texts) };
    case 'strings':
      return { kind, value: many(rng, 3, () => pick(rng, texts)) };
    case 'tensor':
      return { kind, value: integers(rng) };
    case 'graph': {
      const inputs = [`p${rng.integer(1e9)}`, `q${rng.integer(1e9)}`];
      const outputs = [`o${rng.integer(1e9)}`];
      const opType = pick(rng, ['Identity', 'Add', 'Concat', 'Shape']);
      const node: Node = {
        name: '',
        opType,
        domain: '',
        inputs: [inputs[0]!, pick(rng, values)],
        outputs,
        attributes: {},
      };
      const named = (names: readonly string[]): ValueInfo[] => names.map((name) => ({ name }));
      const graph = { name: 'b', initializers: new Map(), types: new Map() };
      return {
        kind,
        value: { ...graph, inputs: named(inputs), outputs: named([...outputs, inputs[1]!]), nodes: [node] },
      };
    }
    default:
      return { kind: 'raw', value: new Uint8Array() };
  }
}

function randomModel(rng: Rng): Model {
  const inputs: ValueInfo[] = [
    { name: 's', container: { kind: 'sequence', element: { type: 'float32', dims: [2, 'n'] } } },
  ];
  const initializers = new Map<string, Tensor>();
  const values = ['', 's'];
  for (let index = 0; index < 6; index++) {
    const name = `i${index}`;
    values.push(name);
    const type = { type: pick(rng, types), ...(rng.uniform() < 0.9 && { dims: many(rng, 5, () => pick(rng, sizes)) }) };
    if (rng.uniform() < 0.5) initializers.set(name, integers(rng));
    else inputs.push(rng.uniform() < 0.9 ? { name, type } : { name });
  }
  const nodes = Array.from({ length: 3 }, (_, index): Node => {
    const key = pick(rng, keys);
    const dot = key.lastIndexOf('.');
    const written = [...signaturesOf(key).at(-1)!.attributes].filter(() => rng.uniform() < 0.6);
    const used = many(rng, 8, () => pick(rng, values));
    const outputs = Array.from({ length: 1 + rng.integer(3) }, (_, output) => `v${index}.${output}`);
    const attributes = Object.fromEntries(written.map(([name, { kind }]) => [name, attribute(rng, kind, values)]));
    values.push(...outputs);
    return {
      name: '',
      domain: dot < 0 ? '' : key.slice(0, dot),
      opType: key.slice(dot + 1),
      inputs: used,
      outputs,
      attributes,
    };
  });
  const graph: Graph = { name: 'g', inputs, outputs: [], nodes, initializers, types: new Map() };
  const opsets = { '': pick(rng, [1, 6, 7, 9, 11, 13, 18, 20, 28]), 'com.microsoft': 1 };
  return { irVersion: pick(rng, [3, 10]), opsets, graph, metadata: {} };
}

it('malformed nodes of every operator are inferred or refused, and what is inferred stays', () => {
  const rng = createRng('malformed');
  let inferred = 0;
  let refused = 0;
  for (let round = 0; round < 6000; round++) {
    const model = randomModel(rng);
    const where = JSON.stringify(model.graph.nodes, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    try {
      const found = inferTypes(model);
      for (const { dims } of found.graph.types.values()) {
        for (const dim of dims ?? [])
          if (typeof dim === 'number' && !(dim >= 0 && Number.isSafeInteger(dim))) expect.fail(where);
      }
      if (inferTypes(found) !== found) expect.fail(`no fixed point: ${where}`);
      inferred++;
    } catch (error) {
      if (!isSlmError(error) || error.code !== 'ONNX_INVALID') throw new Error(where, { cause: error });
      refused++;
    }
  }
  expect(inferred).toBeGreaterThan(2000);
  expect(refused).toBeGreaterThan(500);
});
