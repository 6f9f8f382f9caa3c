import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dataTypes, storageLength } from '../data-type.ts';
import type { Attribute, DataType, Node, Tensor } from '../model.ts';
import { inferNode, type Known } from './infer-node.ts';
import { asTensor } from './rule.ts';

type Golden = readonly [type: DataType, dims: readonly number[], values?: readonly number[]] | null;
type Case = readonly [
  version: number,
  inputs: readonly Golden[],
  attributes: Readonly<Record<string, readonly [kind: string, ...value: never[]]>>,
  outputs: readonly Golden[],
];

const goldens = JSON.parse(readFileSync(new URL('../../goldens/node-types.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, readonly Case[]>
>;

/** Operators whose sizes depend on the values of large tensors; their other sizes must be right. */
const dataDependent = new Set(
  'ai.onnx.ml.ArrayFeatureExtractor Compress ImageDecoder NonMaxSuppression NonZero StringNormalizer StringSplit Unique com.microsoft.Unique'.split(
    ' ',
  ),
);

function attributeOf([kind, ...value]: readonly [string, ...unknown[]]): Attribute {
  if (kind !== 'tensor') return { kind, value: value[0] } as Attribute;
  const [type, dims] = value as [DataType, number[]];
  const Storage = dataTypes[type].storage;
  const length = storageLength(type, dims);
  const data = Storage === undefined ? Array<string>(length).fill('') : new Storage(length);
  return { kind: 'tensor', value: { type, dims, data } as Tensor };
}

function inferred(
  key: string,
  [version, inputs, attributes, outputs]: Case,
  given: (input: Golden) => Known | undefined,
) {
  const dot = key.lastIndexOf('.');
  const node: Node = {
    name: '',
    domain: dot < 0 ? '' : key.slice(0, dot),
    opType: key.slice(dot + 1),
    inputs: inputs.map((input, index) => (input === null ? '' : `i${index}`)),
    outputs: outputs.map((output, index) => (output === null ? '' : `o${index}`)),
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)])),
  };
  return inferNode(node, { version, input: (index) => given(inputs[index]!) }).map(({ type }) => asTensor(type));
}

describe.each(Object.entries(goldens))('%s', (key, cases) => {
  it('has the types that were computed', () => {
    for (const each of cases) {
      const [, , , outputs] = each;
      const known = inferred(key, each, (input) => {
        if (input === null) return undefined;
        const [type, dims, elements] = input;
        return { type: { type, dims }, elements: elements && { dims, elements } };
      });
      outputs.forEach((output, index) => {
        if (output === null) return;
        const [type, dims] = output;
        const sizes = known[index]?.dims?.map((dim, axis) => (dataDependent.has(key) ? (dim ?? dims[axis]) : dim));
        expect([known[index]?.type, sizes], JSON.stringify(each)).toEqual([type, dims]);
      });
    }
  });

  it('has the element types when nothing is known of shapes, and contradicts no size when nothing is known of values', () => {
    for (const each of cases) {
      const [, , , outputs] = each;
      const shapeless = inferred(key, each, (input) => (input === null ? undefined : { type: { type: input[0] } }));
      const valueless = inferred(key, each, (input) =>
        input === null ? undefined : { type: { type: input[0], dims: input[1] } },
      );
      outputs.forEach((output, index) => {
        if (output === null) return;
        const [type, dims] = output;
        expect(shapeless[index]?.type, JSON.stringify(each)).toBe(type);
        expect(valueless[index]?.type).toBe(type);
        const sizes = valueless[index]?.dims?.map((dim, axis) => dim ?? dims[axis]);
        if (sizes !== undefined) expect(sizes, JSON.stringify(each)).toEqual(dims);
      });
    }
  });
});
