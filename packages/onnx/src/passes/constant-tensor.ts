import { float32, int64, type Node, type Tensor } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import { attributeOf } from '../types/rule.ts';

/**
 * The tensor that a Constant node makes, or `undefined` for another node and for a Constant whose value is sparse or an
 * attribute of a function.
 */
export function constantTensor(node: Node): Tensor | undefined {
  if (node.opType !== 'Constant' || !isDefaultDomain(node.domain)) return undefined;
  const value = attributeOf(node, 'value');
  if (value?.kind === 'tensor') {
    if (value.value.name === undefined) return value.value;
    const { name: _, ...tensor } = value.value;
    return tensor;
  }
  const [[name, attribute] = ['', undefined]] = Object.entries(node.attributes);
  if (attribute?.kind === 'float' && name === 'value_float') return float32([attribute.value], []);
  if (attribute?.kind === 'floats' && name === 'value_floats') return float32(attribute.value);
  if (attribute?.kind === 'int' && name === 'value_int') return integers([attribute.value], []);
  if (attribute?.kind === 'ints' && name === 'value_ints') return integers(attribute.value);
  if (attribute?.kind === 'string' && name === 'value_string') return texts([attribute.value], []);
  if (attribute?.kind === 'strings' && name === 'value_strings') return texts(attribute.value);
  return undefined;
}

/** A node that makes a tensor: the form of a constant in local functions and as a graph output. */
export function constantNode(name: string, output: string, tensor: Tensor): Node {
  return {
    name,
    opType: 'Constant',
    domain: '',
    inputs: [],
    outputs: [output],
    attributes: { value: { kind: 'tensor', value: tensor } },
  };
}

function integers(values: readonly (number | bigint)[], dims = [values.length]): Tensor {
  return values.every((value) => typeof value === 'number')
    ? int64(values as readonly number[], dims)
    : { type: 'int64', dims, data: BigInt64Array.from(values, BigInt) };
}

function texts(data: readonly string[], dims = [data.length]): Tensor {
  return { type: 'string', dims, data };
}
