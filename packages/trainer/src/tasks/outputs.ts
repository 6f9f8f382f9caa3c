import { type Model, SlmError } from '@slm-compress/onnx';

/**
 * The sizes of a model's output, or another value of its graph; `undefined` where a size is not fixed. Its rank must be that
 * of `shape`, and its last size fixed. Throws `STEP_MODEL`.
 */
export function outputDims(model: Model, name: string, shape: readonly string[]): readonly (number | undefined)[] {
  const { outputs, types } = model.graph;
  const type = outputs.find((output) => output.name === name)?.type ?? types.get(name);
  const dims = type?.dims;
  if (dims?.length === shape.length && typeof dims.at(-1) === 'number') {
    return dims.map((dim) => (typeof dim === 'number' ? dim : undefined));
  }
  const got = outputs.map((output) => `${output.name} [${output.type?.dims?.join(', ') ?? '?'}]`).join(', ') || 'none';
  throw new SlmError('STEP_MODEL', `training step: expected output ${name} [${shape.join(', ')}], got outputs ${got}`);
}
