import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AttributeInput } from '../../builder.ts';
import { createGraphBuilder } from '../../builder.ts';
import type { Attribute, DataType, Tensor } from '../../model.ts';
import { openReference } from '../open-reference.ts';

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
  });
}
