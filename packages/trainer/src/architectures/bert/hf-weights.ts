import type { Tensor } from '@slm-compress/onnx';
import { float32, SlmError } from '@slm-compress/onnx';
import { bertParameterShapes, checkBertWeights } from './bert-parameters.ts';
import type { BertConfig } from './config.ts';
import { distilBertName } from './distilbert-names.ts';

const POSITIONS = 'bert.embeddings.position_embeddings.weight';
const TOKEN_TYPES = 'bert.embeddings.token_type_embeddings.weight';

/**
 * A classifier's parameters as Hugging Face's `BertForSequenceClassification` stores them: linear weights `[out, in]`,
 * query, key and value apart, and a token-type table, of zeros since its row is part of the position table here. A DistilBERT is
 * stored as `DistilBertForSequenceClassification`, which has no such table.
 * Throws `WEIGHTS_MISMATCH`.
 */
export function toHfWeights(config: BertConfig, weights: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  checkBertWeights(config, weights);
  const stored = new Map<string, Tensor>();
  for (const name of bertParameterShapes(config).keys()) {
    const tensor = weights.get(name)!;
    const merged = mergedRoles(name);
    if (merged === undefined) {
      stored.set(storedName(config, name), isLinear(name) ? transpose(tensor) : tensor);
      if (name === POSITIONS && config.modelType !== 'distilbert')
        stored.set(TOKEN_TYPES, float32(new Float32Array(2 * config.hiddenSize), [2, config.hiddenSize]));
      continue;
    }
    const flat = isLinear(name) ? transpose(tensor) : tensor;
    const [rows, ...rest] = flat.dims as [number, ...number[]];
    const part = flat.data.length / merged.length;
    for (const [index, role] of merged.entries()) {
      const data = (flat.data as Float32Array).slice(index * part, (index + 1) * part);
      stored.set(storedName(config, role), float32(data, [rows / merged.length, ...rest]));
    }
  }
  return stored;
}

/**
 * The inverse of {@link toHfWeights}: reads the tensors of such a class; row 0 of the token-type
 * table is added to every row of the position table. Parameters in `instead` are taken from there, and need not be stored.
 * Throws `WEIGHTS_MISMATCH` for tensors missing or of other shapes.
 */
export function fromHfWeights(
  config: BertConfig,
  stored: ReadonlyMap<string, Tensor>,
  instead: ReadonlyMap<string, Tensor> = new Map(),
): ReadonlyMap<string, Tensor> {
  const take = (ours: string, ...dims: (number | undefined)[]): Tensor => {
    const name = storedName(config, ours);
    const tensor = stored.get(name);
    const fits =
      tensor?.dims.length === dims.length && dims.every((dim, axis) => dim === undefined || dim === tensor.dims[axis]);
    if (tensor?.type === 'float32' && fits) return tensor;
    const expected = `float32 [${dims.map((dim) => dim ?? 'any').join(', ')}]`;
    const got = tensor ? `${tensor.type} [${tensor.dims.join(', ')}]` : 'no such tensor';
    throw new SlmError('WEIGHTS_MISMATCH', `weights: expected ${name} as ${expected}, got ${got}`);
  };
  const weights = new Map<string, Tensor>();
  for (const [name, dims] of bertParameterShapes(config)) {
    const merged = mergedRoles(name);
    const linear = isLinear(name);
    if (instead.has(name)) {
      weights.set(name, instead.get(name)!);
    } else if (merged !== undefined) {
      const outputs = dims.at(-1)! / merged.length;
      const parts = merged.map((role) => (linear ? take(role, outputs, dims[0]) : take(role, outputs)));
      weights.set(name, linear ? transpose(concatRows(parts)) : concatRows(parts));
    } else if (name === POSITIONS && config.modelType !== 'distilbert') {
      weights.set(name, addRow(take(name, ...dims), take(TOKEN_TYPES, undefined, config.hiddenSize)));
    } else {
      weights.set(name, linear ? transpose(take(name, dims[1], dims[0])) : take(name, ...dims));
    }
  }
  checkBertWeights(config, weights);
  return weights;
}

function storedName(config: BertConfig, name: string): string {
  return config.modelType === 'distilbert' ? distilBertName(name) : name;
}

/** The stored names behind a merged parameter, in the order of its columns. */
function mergedRoles(name: string): readonly string[] | undefined {
  const match = /^(.*\.self\.)(qkv|key_value)\.(weight|bias)$/.exec(name);
  if (match === null) return undefined;
  const roles = match[2] === 'qkv' ? ['query', 'key', 'value'] : ['key', 'value'];
  return roles.map((role) => `${match[1]}${role}.${match[3]}`);
}

function isLinear(name: string): boolean {
  return name.endsWith('.weight') && !name.includes('LayerNorm') && !name.includes('_embeddings');
}

function transpose(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.dims as [number, number];
  const source = tensor.data as Float32Array;
  const data = new Float32Array(source.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) data[column * rows + row] = source[row * columns + column]!;
  }
  return float32(data, [columns, rows]);
}

function concatRows(tensors: readonly Tensor[]): Tensor {
  const data = new Float32Array(tensors.reduce((sum, tensor) => sum + tensor.data.length, 0));
  let at = 0;
  for (const tensor of tensors) {
    data.set(tensor.data as Float32Array, at);
    at += tensor.data.length;
  }
  const rows = tensors.reduce((sum, tensor) => sum + tensor.dims[0]!, 0);
  return float32(data, [rows, ...tensors[0]!.dims.slice(1)]);
}

function addRow(table: Tensor, types: Tensor): Tensor {
  const width = table.dims[1]!;
  const row = types.data as Float32Array;
  const data = Float32Array.from(table.data as Float32Array, (value, index) => value + (row[index % width] ?? 0));
  return float32(data, table.dims);
}
