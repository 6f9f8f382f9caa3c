import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AttributeInput } from '../../builder.ts';
import { createGraphBuilder } from '../../builder.ts';
import { isSlmError } from '../../errors.ts';
import type { Attribute, DataType, Node, Tensor } from '../../model.ts';
import { evaluateNode, openReference } from '../open-reference.ts';

type Packed = readonly [type: DataType, dims: readonly number[], elements: readonly (number | string)[]];

interface Case {
  readonly op: string;
  readonly domain?: string;
  readonly opset: number;
  readonly attributes: Readonly<
    Record<string, AttributeInput | { float: number } | { floats: number[] } | { tensor: Packed }>
  >;
  readonly inputs: readonly (Packed | null)[];
  readonly outputs: readonly Packed[];
}

const folder = new URL('../../../goldens/kernels/', import.meta.url);

const arrays: Partial<Record<DataType, { from(elements: readonly number[]): Tensor['data'] }>> = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  bool: Uint8Array,
};

function unpack([type, dims, elements]: Packed): Tensor {
  if (type === 'int64') return { type, dims, data: BigInt64Array.from(elements, BigInt) };
  return { type, dims, data: arrays[type]?.from(elements as number[]) ?? (elements as string[]) };
}

function attribute(value: Case['attributes'][string]): AttributeInput {
  if (typeof value !== 'object') return value;
  if ('float' in value) return { kind: 'float', value: value.float };
  if ('tensor' in value) return unpack(value.tensor as Packed);
  return 'floats' in value ? { kind: 'floats', value: value.floats } : (value as Attribute);
}

/** A tensor with another shape, with as many of its elements as that takes. */
const reshaped = (tensor: Tensor, dims: readonly number[], count = tensor.data.length): Tensor => ({
  ...tensor,
  dims,
  data: tensor.data.slice(0, count) as Tensor['data'],
});

/** What a broken model could say instead of a tensor. */
function malformed(tensor: Tensor): readonly (Tensor | undefined)[] {
  const { dims, data } = tensor;
  const broken = [
    undefined,
    reshaped(tensor, [data.length]),
    reshaped(tensor, [1, ...dims]),
    reshaped(tensor, [0], 0),
    reshaped(tensor, [0, ...dims.slice(1)], 0),
    reshaped(tensor, [...dims.slice(0, -1), 0], 0),
  ];
  if (data.length > 0) broken.push(reshaped(tensor, [], 1), reshaped(tensor, dims.toReversed()));
  if (tensor.type === 'int64') broken.push({ ...tensor, data: new BigInt64Array(data.length).fill(-(2n ** 40n)) });
  if (tensor.type === 'int32') broken.push({ ...tensor, data: new Int32Array(data.length).fill(127) });
  return broken;
}

/** The node without an input that is missing. */
const without = (node: Node, index: number, value: Tensor | undefined): Node =>
  value ? node : { ...node, inputs: node.inputs.with(index, '') };

/** Nodes like that of a case, each with one input or one attribute that does not fit. */
function* brokenNodes({ op, domain = '', opset, attributes, inputs, outputs }: Case) {
  const given = inputs.map((packed) => (packed ? unpack(packed) : undefined));
  const proper = createGraphBuilder('one');
  proper.ops(
    op,
    given.map((tensor, i) => (tensor ? `i${i}` : '')),
    Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attribute(value)])),
    { outputs: outputs.length, domain },
  );
  const [node] = proper.model({ opset: 17 }).graph.nodes;
  const opsets = { '': domain === '' ? opset : 17, ...(domain !== '' && { [domain]: opset }) };
  for (const [i, tensor] of given.entries()) {
    for (const broken of tensor ? malformed(tensor) : [])
      yield {
        node: without(node!, i, broken),
        inputs: given.with(i, broken),
        opsets,
        what: `input ${i} [${broken?.dims}]`,
      };
  }
  for (const [name, value] of Object.entries(node!.attributes)) {
    const others: (Attribute | undefined)[] = [undefined];
    if (value.kind === 'int') for (const other of [-1, 0, 3, 1e9]) others.push({ kind: 'int', value: other });
    if (value.kind === 'string') others.push({ kind: 'string', value: 'x' });
    if (value.kind === 'ints')
      others.push({ kind: 'ints', value: [] }, { kind: 'ints', value: value.value.map((x) => -Number(x) * 1e9) });
    for (const other of others) {
      const { [name]: _, ...rest } = node!.attributes;
      const changed = { ...node!, attributes: other ? { ...rest, [name]: other } : rest };
      yield { node: changed, inputs: given, opsets, what: `${name} ${JSON.stringify(other)}` };
    }
  }
}

/** The outputs of a case: equal types, shapes, strings and integers; floats within 1e-5 of ONNX Runtime's. */
for (const file of readdirSync(folder)) {
  describe(`kernels of ${file.replace('.json', '')} against ONNX Runtime`, () => {
    const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Case[];
    it.each(cases.map((one) => [one.op, JSON.stringify(one.attributes), one] as const))(
      '%s %s',
      async (_op, _, one) => {
        const g = createGraphBuilder('one');
        const inputs = one.inputs.map((packed, i) => (packed ? g.constant(`i${i}`, unpack(packed)) : ''));
        const attributes = Object.fromEntries(Object.entries(one.attributes).map(([name, v]) => [name, attribute(v)]));
        const options = { outputs: one.outputs.length, ...(one.domain !== undefined && { domain: one.domain }) };
        const names = g.ops(one.op, inputs, attributes, options);
        for (const [i, [type, dims]] of one.outputs.entries()) g.output(names[i]!, type, dims);
        const opsets = one.domain === undefined ? {} : { [one.domain]: one.opset };
        const engine = await openReference(g.model({ opset: one.domain === undefined ? one.opset : 17, opsets }));
        const given = await engine.run({});
        for (const [i, [type, dims, elements]] of one.outputs.entries()) {
          const got = given[names[i]!]!;
          expect([got.type, got.dims]).toEqual([type, dims]);
          if (!type.startsWith('float')) {
            expect(Array.from(got.data as ArrayLike<unknown>, (x) => (typeof x === 'bigint' ? Number(x) : x))).toEqual(
              elements,
            );
            continue;
          }
          const far = elements.findIndex(
            (x, k) => !(Math.abs(Number(got.data[k]) - (x as number)) <= 1e-5 * (1 + Math.abs(x as number))),
          );
          expect(far < 0 ? 'near' : `[${far}] ${got.data[far]} for ${elements[far]}`).toBe('near');
        }
      },
    );
    it('compute or refuse malformed nodes (of three cases of each operator), and throw nothing else', () => {
      const strange: string[] = [];
      const seen = new Map<string, number>();
      for (const one of cases) {
        const before = seen.get(one.op) ?? 0;
        seen.set(one.op, before + 1);
        if (before >= 3) continue;
        for (const { node, inputs, opsets, what } of brokenNodes(one)) {
          try {
            for (const output of evaluateNode(node, inputs, { opsets })) {
              if (output === undefined || 'kind' in output) continue;
              const count = output.dims.reduce((product, dim) => product * dim, 1);
              if (output.data.length !== count)
                strange.push(`${one.op}, ${what}: ${output.data.length} for [${output.dims}]`);
            }
          } catch (error) {
            if (!isSlmError(error) || !error.code.startsWith('REFERENCE_') || error.cause)
              strange.push(`${one.op}, ${what}: ${error}`);
          }
        }
      }
      expect(strange).toEqual([]);
    });
  });
}
