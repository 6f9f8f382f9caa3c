import { expect } from 'vitest';
import { checkModel } from '../src/check/check-model.ts';
import type { Tensors } from '../src/engine.ts';
import type { Graph, Model, TensorData } from '../src/model.ts';
import type { Finding, Pass } from '../src/pass.ts';
import { openReference } from '../src/reference/open-reference.ts';
import { subgraphs } from '../src/rewrite.ts';

/** What is left of a model after a pass. */
export interface Passed {
  readonly model: Model;
  /** Operators in order; those of subgraphs in brackets after their node. */
  readonly operators: string;
  readonly findings: readonly Finding[];
}

/**
 * Runs a pass and checks what holds for each: the checker accepts the result, the signature stays, a second run returns the
 * same object, and the reference gives the same outputs for `feeds`: to 1e-5 of the greatest, or bit for bit for types other than floats.
 */
export async function applyPass(pass: Pass, model: Model, feeds: Tensors = {}): Promise<Passed> {
  checkModel(model);
  const result = pass.run(model);
  checkModel(result.model);
  expect(result.model.graph.inputs).toEqual(model.graph.inputs);
  expect(result.model.graph.outputs).toEqual(model.graph.outputs);
  const again = pass.run(result.model);
  expect(again.findings.filter(({ kind }) => kind === 'patched')).toEqual([]);
  expect(again.model).toBe(result.model);
  if (result.findings.every(({ kind }) => kind === 'skipped')) expect(result.model).toBe(model);
  const before = await (await openReference(model)).run(feeds);
  const after = await (await openReference(result.model)).run(feeds);
  expect(Object.keys(after)).toEqual(Object.keys(before));
  for (const [name, { type, dims, data }] of Object.entries(before)) {
    expect([after[name]!.type, after[name]!.dims]).toEqual([type, dims]);
    const distance = /^float/.test(type) ? relative(data, after[name]!.data) : 0;
    if (/^float/.test(type)) expect(distance).toBeLessThanOrEqual(1e-5);
    else expect(after[name]!.data).toEqual(data);
  }
  return { model: result.model, operators: operatorsOf(result.model.graph), findings: result.findings };
}

/** Operators of a graph in order. */
export function operatorsOf(graph: Graph): string {
  return graph.nodes
    .map((node) => {
      const inner = subgraphs(node).map(operatorsOf);
      return inner.length === 0 ? node.opType : `${node.opType}(${inner.join(' | ')})`;
    })
    .join(' ');
}

function relative(a: TensorData, b: TensorData): number {
  const [x, y] = [a, b].map((data) => Array.from(data as ArrayLike<number>, Number));
  const scale = Math.max(1e-30, ...x!.filter(Number.isFinite).map(Math.abs));
  return Math.max(0, ...x!.map((value, i) => (Object.is(value, y![i]) ? 0 : Math.abs(value - y![i]!) / scale)));
}
