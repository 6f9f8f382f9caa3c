import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dataTypes } from '../data-type.ts';
import { decodeModel } from '../io/decode.ts';
import { readModel } from '../io/files.ts';
import { inferTypes, valueTypes } from './infer.ts';

const folder = new URL('../../goldens/', import.meta.url);

/** Every type that onnx.shape_inference found must be found here too: its numbers and the names of input dimensions. */
describe.each(['operators', 'bert'])('types of %s against onnx.shape_inference', (name) => {
  const golden = JSON.parse(readFileSync(new URL(`${name}.types.json`, folder), 'utf8')) as Record<
    string,
    [number, (number | string | null)[] | null]
  >;
  const model = decodeModel(readFileSync(new URL(`${name}.onnx`, folder)));
  const inferred = inferTypes(model);
  const types = valueTypes(inferred.graph);

  it.each(Object.entries(golden))('%s', (value, [number, dims]) => {
    const type = types.get(value);
    expect(type && dataTypes[type.type].number).toBe(number);
    if (dims === null) return;
    expect(type?.dims).toHaveLength(dims.length);
    const told = dims.map((dim, axis) =>
      ['batch', 'sequence'].includes(dim as string) || typeof dim === 'number' ? dim : type!.dims![axis],
    );
    expect(type!.dims).toEqual(told);
  });

  it('knows at least as many sizes', () => {
    const known = (dim: unknown) => typeof dim === 'number' || (typeof dim === 'string' && !dim.startsWith('unk__'));
    const theirs = Object.values(golden)
      .flatMap(([, dims]) => dims ?? [])
      .filter(known).length;
    const ours = Object.keys(golden)
      .flatMap((value) => types.get(value)?.dims ?? [])
      .filter(known).length;
    expect(ours).toBeGreaterThanOrEqual(theirs);
  });

  it('is a fixed point', () => {
    expect(inferTypes(inferred)).toBe(inferred);
  });
});

it('follows the shape computations of an exported BERT through to its logits', async () => {
  const model = await readModel(fileURLToPath(new URL('bert.onnx', folder)));
  const outputs = model.graph.outputs.map(({ name }) => ({ name }));
  const types = inferTypes({ ...model, graph: { ...model.graph, outputs } }).graph.types;
  expect(types.get('logits')).toEqual({ type: 'float32', dims: ['batch', 2] });
  const unknown = [...types].filter(([, { dims }]) => dims === undefined || dims.includes(undefined));
  expect(unknown).toEqual([]);
});
