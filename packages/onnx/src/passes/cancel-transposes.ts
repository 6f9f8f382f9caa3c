import { type Dim, int64, type Node } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import type { Pass } from '../pass.ts';
import { intOf } from '../types/rule.ts';
import { reshapeTarget } from './reshape-target.ts';
import { rewriteModel } from './rewrite-model.ts';
import {
  composePerms,
  firstOf,
  isIdentityPerm,
  numbersOf,
  permOf,
  type Rewrite,
  type RewriteTable,
  type Site,
  tableRule,
} from './rewrite-rule.ts';
import { pullTranspose } from './transpose-through.ts';

/**
 * Merges and cancels nodes that only move elements:
 *
 * 1. Transpose of Transpose is one, or none when they undo each other,
 * 2. a Transpose behind operators that work element by element, reduce, normalise, join, cut or pad goes when every
 *    branch of them starts with the Transpose that it undoes, or is a constant or a single number (the table of
 *    `transposeRows` tells what becomes of axes),
 * 3. Reshape, Squeeze, Unsqueeze or Flatten of one of these is one Reshape, when its target is a constant (see
 *    `reshapeTarget`),
 * 4. a Transpose of a matrix before Gemm is its transA or transB; before MatMul of two float matrices it makes a Gemm.
 *
 * Refused: operators between two Transposes whose result something else uses as well, which would be computed twice;
 * Transposes that merely could be moved; Transposes of unknown rank. The Transpose of a constant is for `foldConstants`.
 */
export const cancelTransposes: Pass = {
  name: 'cancel-transposes',
  run: (model) => rewriteModel(model, () => tableRule(rules)),
};

const rules: RewriteTable = {
  Flatten: mergeReshapes,
  Gemm: transposedGemm,
  MatMul: transposedMatMul,
  Reshape: mergeReshapes,
  Squeeze: mergeReshapes,
  Transpose: firstOf(transposeOfTranspose, transposeUndone),
  Unsqueeze: mergeReshapes,
};

function transposeOfTranspose(site: Site): Rewrite | undefined {
  const { node } = site;
  const inner = transposeBefore(site, node.inputs[0]!);
  if (inner === undefined) return undefined;
  const [first, second] = [permOf(site, inner), permOf(site, node)];
  if (first === undefined || first.length !== second?.length) return undefined;
  const perm = composePerms(first, second);
  const [source] = inner.inputs;
  if (isIdentityPerm(perm)) return { message: 'Transpose that undoes a Transpose', alias: [source!] };
  return {
    message: `Transpose of Transpose as one by [${perm}]`,
    nodes: [{ ...node, inputs: [source!], attributes: { ...node.attributes, perm: { kind: 'ints', value: perm } } }],
  };
}

function transposeUndone(site: Site): Rewrite | undefined {
  const { node } = site;
  const perm = permOf(site, node);
  if (perm === undefined) return undefined;
  const plan = pullTranspose(site, node.inputs[0]!, perm);
  if (plan === undefined || plan.nodes.length === 0) return undefined;
  const last = plan.nodes.at(-1)!;
  return {
    message: `Transpose that undoes ${plan.cancelled} behind ${plan.nodes.map(({ opType }) => opType).join(', ')}`,
    nodes: [...plan.nodes.slice(0, -1), { ...last, outputs: node.outputs }],
    constants: plan.constants,
  };
}

const reshapers: ReadonlySet<string> = new Set(['Flatten', 'Reshape', 'Squeeze', 'Unsqueeze']);

function mergeReshapes(site: Site): Rewrite | undefined {
  const { node } = site;
  const inner = site.producer(node.inputs[0]!);
  if (inner === undefined || !isDefaultDomain(inner.domain) || !reshapers.has(inner.opType) || site.opset < 5)
    return undefined;
  const source = inner.inputs[0]!;
  const message = `${node.opType} of ${inner.opType} as one Reshape`;
  const allowsZero = intOf(node, 'allowzero', 0) !== 0;
  const target = node.opType === 'Reshape' ? numbersOf(site.constant(node.inputs[1] ?? '')) : undefined;
  if (target !== undefined && (allowsZero || !target.includes(0))) {
    return { message, nodes: [{ ...node, inputs: [source, node.inputs[1]!] }] };
  }
  const made = site.type(node.outputs[0]!);
  const sizes = target === undefined ? made?.dims : merged(made?.dims, target);
  const next = reshapeTarget(site.dims(source), sizes);
  if (next === undefined) return undefined;
  const name = site.fresh(`${node.outputs[0]}.shape`);
  return {
    message,
    nodes: [{ ...node, opType: 'Reshape', inputs: [source, name], attributes: {} }],
    constants: new Map([[name, int64(next)]]),
    types: new Map(made && [[node.outputs[0]!, made]]),
  };
}

/** The shape of a Reshape's result: as inferred, with the numbers of its target. */
function merged(dims: readonly Dim[] | undefined, target: readonly number[]): readonly Dim[] | undefined {
  return dims?.length === target.length ? dims.map((dim, axis) => (target[axis]! > 0 ? target[axis] : dim)) : dims;
}

/** The Transpose that makes a value. */
function transposeBefore(site: Site, value: string): Node | undefined {
  const inner = site.producer(value);
  return inner?.opType === 'Transpose' && isDefaultDomain(inner.domain) ? inner : undefined;
}

/** What is transposed to make a matrix. */
function matrixBefore(site: Site, value: string): string | undefined {
  const inner = transposeBefore(site, value);
  const perm = inner && permOf(site, inner);
  return inner !== undefined && perm?.length === 2 && !isIdentityPerm(perm) ? inner.inputs[0] : undefined;
}

function transposedGemm(site: Site): Rewrite | undefined {
  const { node } = site;
  const [a, b] = [matrixBefore(site, node.inputs[0]!), matrixBefore(site, node.inputs[1]!)];
  if (a === undefined && b === undefined) return undefined;
  return { message: 'Transpose in front of Gemm', nodes: [gemm(site, a, b)] };
}

function transposedMatMul(site: Site): Rewrite | undefined {
  const { node, opset } = site;
  const [a, b] = [matrixBefore(site, node.inputs[0]!), matrixBefore(site, node.inputs[1]!)];
  if (a === undefined && b === undefined) return undefined;
  const matrices = node.inputs.every((input) => site.dims(input)?.length === 2);
  const float = /^float(16|32|64)$/.test(site.type(node.inputs[0]!)?.type ?? '');
  return matrices && float && opset >= 11
    ? { message: 'Transpose in front of MatMul as Gemm', nodes: [gemm(site, a, b)] }
    : undefined;
}

function gemm({ node }: Site, a: string | undefined, b: string | undefined): Node {
  const flipped = (name: string, source: string | undefined): number =>
    source === undefined ? intOf(node, name, 0) : 1 - Math.min(1, Math.abs(intOf(node, name, 0)));
  return {
    ...node,
    opType: 'Gemm',
    inputs: [a ?? node.inputs[0]!, b ?? node.inputs[1]!, ...node.inputs.slice(2)],
    attributes: {
      ...node.attributes,
      transA: { kind: 'int', value: flipped('transA', a) },
      transB: { kind: 'int', value: flipped('transB', b) },
    },
  };
}
