import type { Node } from '../model.ts';
import type { Pass } from '../pass.ts';
import { integersOf, type RewriteRule, type Site } from '../passes/rewrite-rule.ts';
import { intOf } from '../types/rule.ts';
import { become, type Fusion, fusionPass, fusionRule } from './fusion.ts';
import { type Match, named, op, product, sum, value } from './pattern.ts';

/**
 * Rotary position embedding written out becomes RotaryEmbedding (opset 23):
 *
 * 1. x·cos + rotate(x)·sin for x [batch, heads, sequence, size], where rotate(x) is the Concat of the negated second half
 *    and the first, and cos and sin are made of a Concat of the same angles twice, with an axis for the heads put in.
 *
 * Refused, with the reason: an opset below 23; halves that are not halves; cos and sin that are not seen to be the same
 * for both halves (fed, or computed otherwise), or that are shared by a batch of another size.
 */
export function fuseRotaryEmbedding(): Pass {
  return fusionPass('fuse-rotary-embedding', rotaryEmbeddingRule);
}

export function rotaryEmbeddingRule(): RewriteRule {
  return fusionRule(rotary);
}

const x = value('x');
const turned = named(
  'turned',
  op('Concat', op('Neg', named('second', op('Slice', x))), named('first', op('Slice', x))),
);

const rotary: Fusion = {
  name: 'RotaryEmbedding',
  roots: ['Add'],
  pattern: sum(product(turned, value('sin')), product(x, value('cos'))),
  build(site, found) {
    const { x, sin, cos } = found.values as Record<string, string>;
    const dims = site.dims(x!);
    const size = dims?.[3];
    if (dims?.length !== 4 || typeof size !== 'number')
      return 'its input is no [batch, heads, sequence, size] of known size';
    if (!turns(site, found, size)) return 'its halves are not the halves of the last axis';
    if (site.opset < 23) return `needs opset 23, the model has ${site.opset}`;
    const nodes: Node[] = [];
    const angles = [cos!, sin!].map((table) => halved(site, table, nodes));
    if (angles.includes(undefined)) return 'cos and sin are not seen to be the same in both halves';
    const batch = site.dims(cos!)?.[0];
    if (batch === undefined || batch !== dims[0] || site.dims(sin!)?.[0] !== batch)
      return 'cos and sin are shared by the batch';
    return {
      message: 'x·cos + rotate(x)·sin as RotaryEmbedding',
      nodes: [...nodes, become(site, 'RotaryEmbedding', [x!, ...(angles as string[])])],
    };
  },
};

/** True when a match concatenates the second half of the last axis and then the first. */
function turns(site: Site, found: Match, size: number): boolean {
  const concat = site.producer(found.values.turned!)!;
  const axis = intOf(concat, 'axis', 0);
  return (
    size % 2 === 0 &&
    (axis === -1 || axis === 3) &&
    concat.inputs.length === 2 &&
    cuts(site, found.values.second!, size / 2, size) &&
    cuts(site, found.values.first!, 0, size / 2)
  );
}

/** True for a Slice of the last axis of four from `from` to `to`, its end. */
function cuts(site: Site, value: string, from: number, to: number): boolean {
  const slice = { ...site, node: site.producer(value)! };
  const [starts, ends] = [integersOf(slice, 'starts', 1), integersOf(slice, 'ends', 2)];
  const [axes, steps] = [integersOf(slice, 'axes', 3), integersOf(slice, 'steps', 4)];
  if (!Array.isArray(starts) || !Array.isArray(ends) || !Array.isArray(axes)) return false;
  const size = site.dims(slice.node.inputs[0]!)![3] as number;
  const [start, end] = [
    starts[0] < 0 ? starts[0] + size : starts[0],
    ends[0] < 0 ? ends[0] + size : Math.min(ends[0], size),
  ];
  const last = starts.length === 1 && (axes[0] === 3 || axes[0] === -1);
  return last && start === from && end === to && (steps === 'absent' || (Array.isArray(steps) && steps[0] === 1));
}

const elementwise = new Set(['Cos', 'Sin', 'Cast']);

/** The first half of a table [batch, 1, sequence, size] whose halves are the same, as [batch, sequence, size / 2]. */
function halved(site: Site, table: string, nodes: Node[]): string | undefined {
  const lifted = site.producer(table);
  const axes = lifted?.opType === 'Unsqueeze' ? integersOf({ ...site, node: lifted }, 'axes', 1) : undefined;
  if (lifted === undefined || !Array.isArray(axes) || axes.length !== 1 || (axes[0] !== 1 && axes[0] !== -3))
    return undefined;
  const chain: Node[] = [];
  let at = lifted.inputs[0]!;
  for (let node = site.producer(at); node !== undefined; node = site.producer(at)) {
    if (node.opType === 'Concat' && node.inputs.length === 2 && node.inputs[0] === node.inputs[1]) {
      const axis = intOf(node, 'axis', 0);
      if (axis !== -1 && axis !== 2) return undefined;
      return chain.reduceRight((source, step) => {
        const output = site.fresh(`${step.outputs[0]}.half`);
        nodes.push({ ...step, name: site.fresh(`${step.name}.half`), inputs: [source], outputs: [output] });
        return output;
      }, node.inputs[0]!);
    }
    if (!elementwise.has(node.opType) || node.domain !== '') return undefined;
    chain.push(node);
    at = node.inputs[0]!;
  }
  return undefined;
}
