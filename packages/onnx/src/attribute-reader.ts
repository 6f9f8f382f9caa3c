import type { Attribute, Node } from './model.ts';

/** Reads the attributes of a node by kind; an attribute that is absent or of another kind gives the fallback. */
export interface AttributeReader {
  int<T>(name: string, otherwise: T): number | T;
  float<T>(name: string, otherwise: T): number | T;
  ints(name: string): readonly number[] | undefined;
  text(name: string, otherwise: string): string;
  /** True when the attribute is there, of whatever kind. */
  hasAttribute(name: string): boolean;
}

/** An {@link AttributeReader} of `node`; never sees something inherited. */
export function readAttributes(node: Pick<Node, 'attributes'>): AttributeReader {
  const find = (name: string): Attribute | undefined =>
    Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
  return {
    int: (name, otherwise) => {
      const found = find(name);
      return found?.kind === 'int' ? Number(found.value) : otherwise;
    },
    float: (name, otherwise) => {
      const found = find(name);
      return found?.kind === 'float' ? found.value : otherwise;
    },
    ints: (name) => {
      const found = find(name);
      return found?.kind === 'ints' ? found.value.map(Number) : undefined;
    },
    text: (name, otherwise) => {
      const found = find(name);
      return found?.kind === 'string' ? found.value : otherwise;
    },
    hasAttribute: (name) => find(name) !== undefined,
  };
}
