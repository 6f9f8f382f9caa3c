import type { DataType } from '../../model.ts';
import type { Kernel, KernelContext } from '../kernel.ts';
import type { Elements, TensorValue } from '../value.ts';
import { gathered, toValue } from '../value.ts';
import { zeros } from './zeros.ts';

type Element = string | number | bigint;

/** A list of a node's attributes `stem_strings`, `stem_int64s`, `stem_floats` or `stem_tensor`, whichever is there. */
function listOf(c: KernelContext, stem: string): { readonly type: DataType; readonly elements: readonly Element[] } {
  for (const [suffix, type] of [
    ['strings', 'string'],
    ['int64s', 'int64'],
    ['floats', 'float32'],
    ['tensor', undefined],
  ] as const) {
    const name = `${stem}_${suffix}`;
    const found = Object.hasOwn(c.node.attributes, name) ? c.node.attributes[name] : undefined;
    if (found?.kind === 'tensor') {
      const value = toValue(found.value, c.where);
      return { type: value.type, elements: Array.from(value.data as ArrayLike<Element>) };
    }
    if (type && (found?.kind === 'strings' || found?.kind === 'ints' || found?.kind === 'floats')) {
      return { type, elements: found.value };
    }
  }
  return c.refuse(`no attribute ${stem}_*`);
}

/** Elements as the interpreter stores them. */
function stored(type: DataType, elements: readonly Element[]): Elements {
  if (type === 'string') return elements.map(String);
  return type === 'int64' ? BigInt64Array.from(elements, BigInt) : Float64Array.from(elements, Number);
}

/** What unknown keys become. */
function fallback(c: KernelContext, type: DataType): Element {
  const tensor = c.node.attributes.default_tensor;
  if (tensor?.kind === 'tensor') return (toValue(tensor.value, c.where).data[0] as Element | undefined) ?? 0;
  if (type === 'string') return c.text('default_string', '_Unused');
  return type.startsWith('float') ? c.float('default_float', -0) : c.int('default_int64', -1);
}

/** The texts of version 1 by their position, in the direction the input asks for. */
function classes(c: KernelContext): readonly [keys: ReturnType<typeof listOf>, values: ReturnType<typeof listOf>] {
  const names = c.texts('classes_strings') ?? c.refuse('no classes_strings');
  const lists = [
    { type: 'string', elements: names },
    { type: 'int64', elements: names.map((_, i) => i) },
  ] as const;
  return c.any(0).type === 'string' ? lists : [lists[1], lists[0]];
}

export const classic: Readonly<Record<string, Kernel>> = {
  'ai.onnx.ml.ArrayFeatureExtractor': (c) => {
    const [x, indices] = [c.any(0), c.input(1)];
    const width = x.dims.at(-1) ?? c.misfit('a tensor with axes', 'a scalar');
    const outside = indices.data.find((index) => !(index >= 0 && index < width));
    if (outside !== undefined) c.misfit(`indices in [0, ${width})`, `${outside}`);
    const lead = x.dims.length === 1 ? [1] : x.dims.slice(0, -1);
    const count = indices.data.length;
    return [gathered(x, [...lead, count], (_, i) => Math.floor(i / count) * width + indices.data[i % count]!)];
  },
  'ai.onnx.ml.Binarizer': (c) => {
    const x = c.input(0);
    const threshold = c.float('threshold', 0);
    return [{ ...x, data: x.data.map((element) => (element > threshold ? 1 : 0)) }];
  },
  'ai.onnx.ml.LabelEncoder': (c) => {
    const x = c.any(0);
    const [keys, values] = c.opset < 2 ? classes(c) : [listOf(c, 'keys'), listOf(c, 'values')];
    if (keys.elements.length !== values.elements.length) {
      c.misfit(`a value for each of ${keys.elements.length} keys`, `${values.elements.length}`);
    }
    if ((x.type === 'string') !== (keys.type === 'string')) c.misfit(`${keys.type} elements`, x.type);
    const table = new Map(keys.elements.map((key, i) => [String(key), values.elements[i]!]));
    const other = fallback(c, values.type);
    const found = Array.from(x.data as ArrayLike<Element>, (element) => table.get(String(element)) ?? other);
    return [{ type: values.type, dims: x.dims, data: stored(values.type, found) } as TensorValue];
  },
  'ai.onnx.ml.TreeEnsemble': (c) => {
    const x = c.input(0);
    if (x.dims.length !== 2) c.misfit('rows of features', `[${x.dims}]`);
    const [rows, features] = x.dims as [number, number];
    const targets = c.int('n_targets', 1);
    if (targets < 1) c.misfit('at least 1 target', `${targets}`);
    const tensor = (name: string) => {
      const found = c.node.attributes[name];
      return found?.kind === 'tensor' ? toValue(found.value, c.where).data : new Float64Array();
    };
    const list = (name: string) => c.ints(name) ?? [];
    const [modes, splits, weights] = [tensor('nodes_modes'), tensor('nodes_splits'), tensor('leaf_weights')];
    const [featureIds, targetIds, roots] = [list('nodes_featureids'), list('leaf_targetids'), list('tree_roots')];
    const branches = [
      { to: list('nodes_falsenodeids'), leaf: list('nodes_falseleafs') },
      { to: list('nodes_truenodeids'), leaf: list('nodes_trueleafs') },
    ];
    const missing = list('nodes_missing_value_tracks_true');
    const members = memberSets(modes, tensor('membership_values'));
    const holds = (node: number, value: number): boolean => {
      if (Number.isNaN(value) && missing[node] === 1) return true;
      const split = Number(splits[node]);
      const compare = [value <= split, value < split, value >= split, value > split, value === split, value !== split];
      const mode = Number(modes[node]);
      return mode === 6 ? members.get(node)!.has(value) : (compare[mode] ?? c.refuse(`node mode ${mode}`));
    };
    /** The leaf a row falls to; a walk longer than there are nodes goes in circles. */
    const leafOf = (row: number, root: number): number => {
      let node = root;
      for (let steps = 0; steps <= modes.length; steps++) {
        const feature = featureIds[node] ?? c.misfit('nodes inside the tree', `${node}`);
        if (!(feature >= 0 && feature < features)) c.misfit(`features below ${features}`, `${feature}`);
        const branch = branches[holds(node, x.data[row * features + feature]!) ? 1 : 0]!;
        const next = branch.to[node] ?? c.misfit('a branch', 'none');
        if (branch.leaf[node] === 1) return next;
        node = next;
      }
      return c.misfit('trees', 'a cycle');
    };
    const y = zeros(c, x.type, [rows, targets]);
    const how = c.int('aggregate_function', 1);
    for (let row = 0; row < rows; row++) {
      const given = Array.from({ length: targets }, () => [] as number[]);
      for (const root of roots) {
        const leaf = leafOf(row, root);
        const target = given[targetIds[leaf] ?? -1] ?? c.misfit(`targets below ${targets}`, `${targetIds[leaf]}`);
        target.push(Number(weights[leaf]));
      }
      const scores = given.map((values) => aggregate(c, how, values, roots.length));
      y.data.set(transform(c, scores), row * targets);
    }
    return [y];
  },
};

/** The members of every set-membership node: runs of `values` that end with NaN, in the order of the nodes. */
function memberSets(modes: Elements, values: Elements): ReadonlyMap<number, ReadonlySet<number>> {
  const sets: Set<number>[] = [new Set()];
  for (const value of values) {
    if (Number.isNaN(Number(value))) sets.push(new Set());
    else sets.at(-1)!.add(Number(value));
  }
  const nodes = Array.from(modes as ArrayLike<number>, Number).flatMap((mode, node) => (mode === 6 ? [node] : []));
  return new Map(nodes.map((node, i) => [node, sets[i] ?? new Set()]));
}

function aggregate(c: KernelContext, how: number, values: readonly number[], trees: number): number {
  const sum = values.reduce((a, b) => a + b, 0);
  if (values.length === 0) return 0;
  return [sum / trees, sum, Math.min(...values), Math.max(...values)][how] ?? c.refuse(`aggregate_function ${how}`);
}

/** none, softmax, logistic, or softmax over the scores that are not 0. */
function transform(c: KernelContext, scores: readonly number[]): readonly number[] {
  const how = c.int('post_transform', 0);
  if (how === 0) return scores;
  if (how === 2) return scores.map((score) => 1 / (1 + Math.exp(-score)));
  if (how !== 1 && how !== 3) c.refuse(`post_transform ${how}`);
  const top = Math.max(...scores);
  const parts = scores.map((score) => (how === 3 && score === 0 ? 0 : Math.exp(score - top)));
  const sum = parts.reduce((a, b) => a + b, 0);
  return sum === 0 ? scores : parts.map((part) => part / sum);
}
