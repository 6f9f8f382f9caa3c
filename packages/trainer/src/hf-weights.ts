import type { Tensor } from '@slm-compress/onnx';
import { float32, SlmError } from '@slm-compress/onnx';
import { bertParameterShapes, checkBertWeights } from './bert-parameters.ts';
import type { BertConfig } from './config.ts';

const POSITIONS = 'bert.embeddings.position_embeddings.weight';
const TOKEN_TYPES = 'bert.embeddings.token_type_embeddings.weight';

/**
 * A classifier's parameters as Hugging Face's `BertForSequenceClassification` stores them: linear weights `[out, in]`,
 * query, key and value apart, and a token-type table, of zeros since its row is part of the position table here.
 * Throws `WEIGHTS_MISMATCH`.
 */
export function toHfWeights(config: BertConfig, weights: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  checkBertWeights(config, weights);
  const stored = new Map<string, Tensor>();
  for (const name of bertParameterShapes(config).keys()) {
    const tensor = weights.get(name)!;
    const merged = mergedRoles(name);
    if (merged === undefined) {
      stored.set(name, isLinear(name) ? transpose(tensor) : tensor);
      if (name === POSITIONS)
        stored.set(TOKEN_TYPES, float32(new Float32Array(2 * config.hiddenSize), [2, config.hiddenSize]));
      continue;
    }
    const flat = isLinear(name) ? transpose(tensor) : tensor;
    const [rows, ...rest] = flat.dims as [number, ...number[]];
    const part = flat.data.length / merged.length;
    for (const [index, role] of merged.entries()) {
      const data = (flat.data as Float32Array).slice(index * part, (index + 1) * part);
      stored.set(role, float32(data, [rows / merged.length, ...rest]));
    }
  }
  return stored;
}

/**
 * The inverse of {@link toHfWeights}: reads the tensors of a `BertForSequenceClassification`; row 0 of the token-type
 * table is added to every row of the position table. Throws `WEIGHTS_MISMATCH` for tensors missing or of other shapes.
 */
export function fromHfWeights(config: BertConfig, stored: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  const take = (name: string): Tensor => {
    const tensor = stored.get(name);
    if (tensor?.type === 'float32') return tensor;
    const got = tensor ? tensor.type : 'no such tensor';
    throw new SlmError('WEIGHTS_MISMATCH', `weights: expected float32 ${name}, got ${got}`);
  };
  const weights = new Map<string, Tensor>();
  for (const name of bertParameterShapes(config).keys()) {
    const merged = mergedRoles(name);
    if (merged !== undefined) {
      const joined = concatRows(merged.map(take));
      weights.set(name, isLinear(name) ? transpose(joined) : joined);
    } else if (name === POSITIONS) {
      weights.set(name, addRow(take(name), take(TOKEN_TYPES)));
    } else {
      weights.set(name, isLinear(name) ? transpose(take(name)) : take(name));
    }
  }
  checkBertWeights(config, weights);
  return weights;
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
