import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Attribute, DataType, Node, Tensor } from '../model.ts';
import { fromNumbers, toNumbers } from '../number-formats.ts';
import { evaluateNode } from './open-reference.ts';

type Packed = readonly [type: DataType, dims: readonly number[], elements: readonly (number | string)[]];
type Given = number | string | readonly number[] | { float: number } | { floats: number[] };
type Case = readonly [
  op: string,
  opset: number,
  attributes: Record<string, Given>,
  inputs: (Packed | null)[],
  outputs: Packed[],
];

const file = new URL('../../goldens/reference/operators.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];

function unpack([type, dims, elements]: Packed): Tensor {
  if (type === 'string') return { type, dims, data: elements as string[] };
  if (type === 'int64') return { type, dims, data: BigInt64Array.from(elements, BigInt) };
  if (type === 'uint64') return { type, dims, data: BigUint64Array.from(elements, BigInt) };
  return fromNumbers(type, dims, elements.map(Number));
}

function attribute(value: Given): Attribute {
  if (typeof value === 'number') return { kind: 'int', value };
  if (typeof value === 'string') return { kind: 'string', value };
  if ('float' in value) return { kind: 'float', value: value.float };
  return 'floats' in value ? { kind: 'floats', value: value.floats } : { kind: 'ints', value };
}

/** Equal types, shapes and elements; floats within 1e-5 of the expected, relative beyond 1. */
function expectNear(got: Tensor, wanted: Tensor): void {
  expect([got.type, got.dims]).toEqual([wanted.type, wanted.dims]);
  if (!/float/.test(got.type)) expect(got.data).toEqual(wanted.data);
  if (!ArrayBuffer.isView(got.data)) return;
  const [a, b] = [toNumbers(got), toNumbers(wanted)];
  const far = a.findIndex(
    (x, k) => !(Object.is(x, b[k]!) || x === b[k] || Math.abs(x - b[k]!) <= 1e-5 * (1 + Math.abs(b[k]!))),
  );
  expect(far < 0 ? 'near' : `[${far}] ${a[far]} for ${b[far]}`).toBe('near');
}

describe('kernels of the core against ONNX Runtime', () => {
  it.each(cases.map((one, at) => [one[0], one[1], JSON.stringify(one[2]), at] as const))(
    '%s-%s %s (%s)',
    (_op, _opset, _attributes, at) => {
      const [opType, opset, attributes, inputs, outputs] = cases[at]!;
      const node: Node = {
        name: '',
        opType,
        domain: '',
        inputs: inputs.map((packed, i) => (packed ? `i${i}` : '')),
        outputs: outputs.map((_, i) => `o${i}`),
        attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attribute(value)])),
      };
      const given = evaluateNode(
        node,
        inputs.map((packed) => (packed ? unpack(packed) : undefined)),
        { opsets: { '': opset } },
      );
      for (const [i, packed] of outputs.entries()) expectNear(given[i] as Tensor, unpack(packed));
    },
  );
});
