import type { Node } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import type { Pass } from '../pass.ts';
import { nodeKey } from './content-key.ts';
import { isRandom } from './random-operators.ts';
import { rewriteModel } from './rewrite-model.ts';
import type { RewriteRule } from './rewrite-rule.ts';

/** Domains whose operators give the same for the same inputs, but for the random ones. */
const pureDomains: ReadonlySet<string> = new Set(['ai.onnx.ml', 'com.microsoft']);

/**
 * Computes once what is computed twice: a node goes when an earlier one of the same graph has
 *
 * 1. the same operator, domain and overload,
 * 2. the same inputs, in any order for operators of two inputs that commute (Add, Mul, And, Equal …),
 * 3. the same attributes, tensors compared bit for bit, and the same outputs left out.
 *
 * Refused: random operators; nodes with subgraphs; operators of domains other than ai.onnx, ai.onnx.ml and
 * com.microsoft, and calls of local functions, which may be random; nodes of different graphs. A default attribute
 * that is written out is not the same as one that is left out.
 */
export const mergeCommonSubexpressions: Pass = {
  name: 'merge-common-subexpressions',
  run: (model) => rewriteModel(model, begin),
};

function begin(): RewriteRule {
  const seen = new Map<string, Node>();
  return (site) => {
    const { node } = site;
    if (!isDefaultDomain(node.domain) && !pureDomains.has(node.domain)) return undefined;
    const key = nodeKey(node);
    if (key === undefined) return undefined;
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, node);
      return undefined;
    }
    if (isRandom(site)) return { skip: `${node.opType} draws random numbers` };
    return { message: `the same ${node.opType} as ${first.name || first.outputs.join(' ')}`, alias: first.outputs };
  };
}
