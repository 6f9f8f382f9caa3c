import { elementCount, type Node, type Tensor } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import { numbersOf } from '../passes/rewrite-rule.ts';

/** What a pattern looks through: who makes a value, and which values are constants. */
export interface Values {
  producer(value: string): Node | undefined;
  constant(value: string): Tensor | undefined;
}

/** What a pattern found: values and numbers by the names it gives them, and the nodes it went through. */
export interface Match {
  readonly values: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, number>>;
  readonly nodes: ReadonlySet<Node>;
  /** Constants that have one element and dimensions as well, and so may broadcast to a higher rank. */
  readonly ranked: readonly string[];
}

/** A shape of computation: every way in which a value is made like this, given what is found already. */
export type Pattern = (values: Values, value: string, found: Match) => readonly Match[];

const nothing: Match = { values: {}, numbers: {}, nodes: new Set(), ranked: [] };

/** Ways to read a value as a pattern; a value named twice in a pattern is the same in both places. */
export function match(pattern: Pattern, values: Values, value: string): readonly Match[] {
  return pattern(values, value, nothing);
}

/** Any value, under a name. */
export function value(name: string): Pattern {
  return (_, at, found) => {
    const known = Object.hasOwn(found.values, name) ? found.values[name] : undefined;
    if (known !== undefined) return known === at ? [found] : [];
    return [{ ...found, values: { ...found.values, [name]: at } }];
  };
}

/** Gives a value that the pattern describes a name. */
export function named(name: string, pattern: Pattern): Pattern {
  return (values, at, found) => pattern(values, at, found).flatMap((next) => value(name)(values, at, next));
}

/** How far a constant of 32 bits may be from the number it stands for, relative to it: rounding, or digits left out. */
export const constantTolerance = 1e-6;
/** The same for constants of 16 bits. */
export const halfTolerance = 1e-3;

/** A constant of one element: one of these numbers (within {@link constantTolerance}), or any, under a name; the same where the name comes again. */
export function number(wanted: string | number): Pattern {
  return (values, at, found) => {
    const tensor = values.constant(at);
    if (tensor === undefined || elementCount(tensor.dims) !== 1) return [];
    const got = numbersOf(tensor)?.[0];
    if (got === undefined) return [];
    const ranked = tensor.dims.length === 0 ? found.ranked : [...found.ranked, at];
    if (typeof wanted === 'string') {
      const known = Object.hasOwn(found.numbers, wanted) ? found.numbers[wanted] : got;
      return known === got ? [{ ...found, ranked, numbers: { ...found.numbers, [wanted]: got } }] : [];
    }
    const tolerance = tensor.type === 'float16' || tensor.type === 'bfloat16' ? halfTolerance : constantTolerance;
    const near = Math.abs(got - wanted) <= tolerance * Math.abs(wanted);
    return near ? [{ ...found, ranked }] : [];
  };
}

/** One of several patterns. */
export function either(...patterns: readonly Pattern[]): Pattern {
  return (values, at, found) => patterns.flatMap((pattern) => pattern(values, at, found));
}

/** A node of ai.onnx with these inputs; those behind the last pattern are not looked at. */
export function op(opType: string, ...inputs: readonly Pattern[]): Pattern {
  return (values, at, found) => {
    const node = values.producer(at);
    if (node?.opType !== opType || !isDefaultDomain(node.domain) || node.outputs[0] !== at) return [];
    if (node.inputs.length < inputs.length) return [];
    const start: readonly Match[] = [{ ...found, nodes: new Set([...found.nodes, node]) }];
    return inputs.reduce(
      (ways, pattern, index) => ways.flatMap((way) => pattern(values, node.inputs[index]!, way)),
      start,
    );
  };
}

/** A sum of these terms, grouped and ordered in any way. */
export function sum(...terms: readonly Pattern[]): Pattern {
  return grouped('Add', terms);
}

/** A product of these factors, grouped and ordered in any way. */
export function product(...factors: readonly Pattern[]): Pattern {
  return grouped('Mul', factors);
}

function grouped(opType: string, parts: readonly Pattern[]): Pattern {
  return (values, at, found) =>
    splits(values, at, opType, parts.length).flatMap(({ leaves, nodes }) =>
      arrange(values, leaves, parts, { ...found, nodes: new Set([...found.nodes, ...nodes]) }),
    );
}

interface Split {
  readonly leaves: readonly string[];
  readonly nodes: readonly Node[];
}

/** Every way to take a value apart into `count` operands of nested nodes. */
function splits(values: Values, at: string, opType: string, count: number): readonly Split[] {
  if (count === 1) return [{ leaves: [at], nodes: [] }];
  const node = values.producer(at);
  if (node?.opType !== opType || !isDefaultDomain(node.domain) || node.inputs.length !== 2) return [];
  return Array.from({ length: count - 1 }, (_, index) => index + 1).flatMap((first) => {
    const right = splits(values, node.inputs[1]!, opType, count - first);
    if (right.length === 0) return [];
    return splits(values, node.inputs[0]!, opType, first).flatMap((a) =>
      right.map((b) => ({ leaves: [...a.leaves, ...b.leaves], nodes: [node, ...a.nodes, ...b.nodes] })),
    );
  });
}

function arrange(values: Values, leaves: readonly string[], parts: readonly Pattern[], found: Match): readonly Match[] {
  const [part, ...rest] = parts;
  if (part === undefined) return [found];
  const tried = new Set<string>();
  return leaves.flatMap((leaf, index) => {
    if (tried.has(leaf)) return [];
    tried.add(leaf);
    const others = leaves.filter((_, other) => other !== index);
    return part(values, leaf, found).flatMap((next) => arrange(values, others, rest, next));
  });
}
