import { createHash } from 'node:crypto';
import type { Attribute, Node, Tensor } from '../model.ts';
import { operatorKey } from '../operator.ts';

/** A text that two tensors share when they have the same type, shape and elements, bit for bit. Names are left out. */
export function tensorKey({ type, dims, data }: Tensor): string {
  const hash = createHash('sha256');
  if (ArrayBuffer.isView(data)) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  else hash.update(JSON.stringify(data));
  return `${type}[${dims}]${hash.digest('base64')}`;
}

/** Elements that {@link sampleKey} looks at. */
const SAMPLES = 32;

/** A text that equal tensors share, and that few others do: type, shape and some elements. Much quicker than {@link tensorKey}. */
export function sampleKey({ type, dims, data }: Tensor): string {
  const step = Math.max(1, Math.floor(data.length / SAMPLES));
  const samples: string[] = [];
  for (let at = 0; at < data.length && samples.length < SAMPLES; at += step) samples.push(String(data[at]));
  return `${type}[${dims}]${samples.join()}`;
}

/** Operators of two inputs whose order does not matter. */
const commutative: ReadonlySet<string> = new Set([
  'Add',
  'And',
  'BitwiseAnd',
  'BitwiseOr',
  'BitwiseXor',
  'Equal',
  'Max',
  'Mean',
  'Min',
  'Mul',
  'Or',
  'Sum',
  'Xor',
]);

/**
 * A text that two nodes share when they compute the same: operator, inputs (sorted where the order does not matter),
 * attributes, and which outputs are there. `undefined` for nodes with subgraphs or attributes of kinds without a value.
 */
export function nodeKey(node: Node): string | undefined {
  const attributes: string[] = [];
  for (const name of Object.keys(node.attributes).toSorted()) {
    const value = attributeKey(node.attributes[name]!);
    if (value === undefined) return undefined;
    attributes.push(`${JSON.stringify(name)}=${value}`);
  }
  const last = node.inputs.findLastIndex((input) => input !== '');
  const inputs = node.inputs.slice(0, last + 1);
  if (commutative.has(operatorKey(node)) && inputs.length === 2) inputs.sort();
  const outputs = node.outputs.map((output) => (output === '' ? '-' : '+')).join('');
  return [operatorKey(node), node.overload ?? '', JSON.stringify(inputs), outputs, ...attributes].join('|');
}

function attributeKey(attribute: Attribute): string | undefined {
  switch (attribute.kind) {
    case 'tensor':
      return `tensor ${tensorKey(attribute.value)}`;
    case 'tensors':
      return `tensors ${attribute.value.map(tensorKey).join()}`;
    case 'float':
      return `float ${numberKey(attribute.value)}`;
    case 'floats':
      return `floats ${attribute.value.map(numberKey).join()}`;
    case 'int':
      return `int ${attribute.value}`;
    case 'ints':
      return `ints ${attribute.value.join()}`;
    case 'string':
      return `string ${JSON.stringify(attribute.value)}`;
    case 'strings':
      return `strings ${JSON.stringify(attribute.value)}`;
    case 'bytes':
    case 'raw':
      return `${attribute.kind} ${Buffer.from(attribute.value).toString('base64')}`;
    default:
      return undefined;
  }
}

function numberKey(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
