import type { Node } from './model.ts';

/**
 * The key of an operator in every table of this package: its name, with its domain before it unless that is ai.onnx,
 * for example `MatMul`, `com.microsoft.FusedMatMul`.
 */
export function operatorKey(node: Pick<Node, 'domain' | 'opType'>): string {
  return isDefaultDomain(node.domain) ? node.opType : `${node.domain}.${node.opType}`;
}

/** True for ai.onnx, which models write as `''` or by its name. */
export function isDefaultDomain(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx';
}

/** The row of an operator in a table keyed by {@link operatorKey}; never something inherited. */
export function rowOf<Row>(
  table: Readonly<Record<string, Row>>,
  node: Pick<Node, 'domain' | 'opType'>,
): Row | undefined {
  const key = operatorKey(node);
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
