import type { Attribute, DataType, Dim, Graph, Model, Node, Tensor, TensorType, ValueInfo } from './model.ts';

/** Attribute values as they are written by hand; integers become `int`, see {@link float} for the float kind. */
export type AttributeInput = Attribute | number | string | Tensor | Graph | readonly number[] | readonly string[];

export interface NodeOptions {
  /** Node name; made from the operator and a counter when absent. */
  readonly name?: string;
  /** Operator-set domain, `''` (ai.onnx) by default. */
  readonly domain?: string;
  /** Names of the outputs, or how many to make. One by default. */
  readonly outputs?: readonly string[] | number;
}

/** A float attribute (a bare number means an integer attribute). */
export function float(value: number): Attribute {
  return { kind: 'float', value: Math.fround(value) };
}

/**
 * Builds a graph node by node. Values are their names; `op` returns the first output's name.
 *
 *     const g = createGraphBuilder('mlp');
 *     const x = g.input('x', 'float32', ['batch', 4]);
 *     const y = g.op('MatMul', [x, g.constant('w', weights)]);
 *     g.output(y, 'float32', ['batch', 2]);
 *     const model = g.model({ opset: 17 });
 */
export interface GraphBuilder {
  input(name: string, type: DataType, dims: readonly Dim[]): string;
  /** Adds an initializer; a taken name gets a numbered suffix. Returns the name used. */
  constant(name: string, tensor: Tensor): string;
  op(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeInput>>,
    options?: NodeOptions,
  ): string;
  /** Like `op` for operators of several outputs: returns all their names. */
  ops(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeInput>>,
    options: NodeOptions,
  ): readonly string[];
  /** Declares `value` a graph output, of unknown rank without `dims`; with `name` it is renamed through Identity when it differs. */
  output(value: string, type: DataType, dims: readonly Dim[] | undefined, name?: string): string;
  /** Sets the prefix (`encoder.0/`) of the names made from now on. */
  scope<T>(prefix: string, body: () => T): T;
  /** A value name not used yet, derived from `base`. */
  fresh(base: string): string;
  graph(): Graph;
  model(options: ModelOptions): Model;
}

export interface ModelOptions {
  /** Version of the ai.onnx operator set. */
  readonly opset: number;
  /** Versions of further operator-set domains. */
  readonly opsets?: Readonly<Record<string, number>>;
  readonly irVersion?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Starts a builder, empty or continuing `from` (which is not changed). */
export function createGraphBuilder(name: string, from?: Graph): GraphBuilder {
  const inputs: ValueInfo[] = [...(from?.inputs ?? [])];
  const outputs: ValueInfo[] = [...(from?.outputs ?? [])];
  const nodes: Node[] = [...(from?.nodes ?? [])];
  const initializers = new Map<string, Tensor>(from?.initializers);
  const types = new Map<string, TensorType>(from?.types);
  const taken = new Set<string>([...inputs.map((input) => input.name), ...initializers.keys()]);
  for (const node of nodes) for (const value of [...node.outputs, node.name]) taken.add(value);
  const counters = new Map<string, number>();
  let prefix = '';

  const fresh = (base: string): string => {
    let candidate = base;
    while (candidate === '' || taken.has(candidate)) {
      const count = (counters.get(base) ?? 0) + 1;
      counters.set(base, count);
      candidate = `${base}_${count}`;
    }
    taken.add(candidate);
    return candidate;
  };

  const builder: GraphBuilder = {
    input(inputName, type, dims) {
      taken.add(inputName);
      inputs.push({ name: inputName, type: { type, dims } });
      return inputName;
    },
    constant(constantName, tensor) {
      const used = fresh(prefix + constantName);
      initializers.set(used, tensor);
      return used;
    },
    op(opType, opInputs, attributes, options) {
      return builder.ops(opType, opInputs, attributes ?? {}, options ?? {})[0]!;
    },
    ops(opType, opInputs, attributes, options) {
      const nodeName = fresh(options.name === undefined ? `${prefix}${opType}` : prefix + options.name);
      const wanted = options.outputs ?? 1;
      const made =
        typeof wanted === 'number'
          ? Array.from({ length: wanted }, (_, index) =>
              fresh(wanted === 1 ? `${nodeName}.out` : `${nodeName}.out${index}`),
            )
          : wanted.map((value) => {
              if (value !== '') taken.add(value);
              return value;
            });
      nodes.push({
        name: nodeName,
        opType,
        domain: options.domain ?? '',
        inputs: opInputs,
        outputs: made,
        attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)])),
      });
      return made;
    },
    output(value, type, dims, outputName = value) {
      const source = outputName === value ? value : builder.op('Identity', [value], {}, { outputs: [outputName] });
      outputs.push({ name: source, type: dims === undefined ? { type } : { type, dims } });
      return source;
    },
    scope(scopePrefix, body) {
      const outer = prefix;
      prefix = outer + scopePrefix;
      try {
        return body();
      } finally {
        prefix = outer;
      }
    },
    fresh,
    graph: () => ({
      name,
      inputs: [...inputs],
      outputs: [...outputs],
      nodes: [...nodes],
      initializers: new Map(initializers),
      types: new Map(types),
    }),
    model: (options) => ({
      irVersion: options.irVersion ?? 8,
      opsets: { '': options.opset, ...options.opsets },
      graph: builder.graph(),
      producerName: 'slm-compress',
      metadata: options.metadata ?? {},
    }),
  };
  return builder;
}

function toAttribute(value: AttributeInput): Attribute {
  if (typeof value === 'number') return { kind: 'int', value };
  if (typeof value === 'string') return { kind: 'string', value };
  if (Array.isArray(value)) {
    return typeof value[0] === 'string'
      ? { kind: 'strings', value: value as readonly string[] }
      : { kind: 'ints', value: value as readonly number[] };
  }
  if ('kind' in (value as object)) return value as Attribute;
  if ('nodes' in (value as object)) return { kind: 'graph', value: value as Graph };
  return { kind: 'tensor', value: value as Tensor };
}
