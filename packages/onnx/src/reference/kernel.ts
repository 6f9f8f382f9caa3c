import { SlmError } from '../errors.ts';
import type { DataType, Node } from '../model.ts';
import type { Value } from './value.ts';

/** What a kernel sees of its node. */
export interface KernelContext {
  readonly node: Node;
  readonly opset: number;
  /** `node "name"`, for messages. */
  readonly where: string;
  /** Required input. */
  input(index: number): Value;
  optional(index: number): Value | undefined;
  readonly inputs: readonly (Value | undefined)[];
  int(name: string, otherwise: number): number;
  float(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  text(name: string, otherwise: string): string;
  /** Integers of an optional input. */
  integers(index: number): readonly number[] | undefined;
  /** Refuses what this interpreter does not cover. */
  refuse(reason: string): never;
}

/** One operator: the values of the outputs from those of the inputs. */
export type Kernel = (context: KernelContext) => readonly Value[];

/** Wraps a possibly negative axis into `[0, rank)`. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** ONNX element types by TensorProto.DataType number, as far as the interpreter holds them. */
export const typeByCode: Readonly<Record<number, DataType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
};

export function createContext(node: Node, inputs: readonly (Value | undefined)[], opset: number): KernelContext {
  const where = `reference, node "${node.name === '' ? node.outputs[0] : node.name}" (${node.opType})`;
  const attribute = (name: string) => node.attributes[name];
  const refuse = (reason: string): never => {
    throw new SlmError('REFERENCE_UNSUPPORTED', `${where}: expected a form the interpreter covers, got ${reason}`);
  };
  const context: KernelContext = {
    node,
    opset,
    where,
    inputs,
    refuse,
    input: (index) => inputs[index] ?? refuse(`no input ${index}`),
    optional: (index) => inputs[index],
    int: (name, otherwise) => {
      const found = attribute(name);
      return found?.kind === 'int' ? Number(found.value) : otherwise;
    },
    float: (name, otherwise) => {
      const found = attribute(name);
      return found?.kind === 'float' ? found.value : otherwise;
    },
    ints: (name) => {
      const found = attribute(name);
      return found?.kind === 'ints' ? found.value.map(Number) : undefined;
    },
    text: (name, otherwise) => {
      const found = attribute(name);
      return found?.kind === 'string' ? found.value : otherwise;
    },
    integers: (index) => {
      const value = inputs[index];
      return value && Array.from(value.data);
    },
  };
  return context;
}
