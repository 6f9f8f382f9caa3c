import type { AttributeValue } from '../model.ts';

/** Attribute kinds with their AttributeProto.AttributeType number and value field; `bytes` shares the row of `string`. */
export const attributeKinds = {
  float: { number: 1, field: 'f' },
  int: { number: 2, field: 'i' },
  string: { number: 3, field: 's' },
  tensor: { number: 4, field: 't' },
  graph: { number: 5, field: 'g' },
  floats: { number: 6, field: 'floats' },
  ints: { number: 7, field: 'ints' },
  strings: { number: 8, field: 'strings' },
  tensors: { number: 9, field: 'tensors' },
  graphs: { number: 10, field: 'graphs' },
} as const satisfies Partial<Record<AttributeValue['kind'], { number: number; field: string }>>;

/** A kind with a row of its own. */
export type TypedKind = keyof typeof attributeKinds;

/** The kind of an AttributeType number. */
export function kindOfNumber(number: number): TypedKind | undefined {
  return (Object.keys(attributeKinds) as TypedKind[]).find((kind) => attributeKinds[kind].number === number);
}
