import { newestOpset } from '../check/signatures.ts';
import { constantLookup } from '../decompose/constant-lookup.ts';
import { isSlmError, SlmError } from '../errors.ts';
import type { Graph, LocalFunction, Model, Node, Tensor, TensorType } from '../model.ts';
import { isDefaultDomain } from '../operator.ts';
import type { Finding, Pass } from '../pass.ts';
import { constantNode } from '../passes/constant-tensor.ts';
import { withoutStrays } from '../passes/rewrite-model.ts';
import { bodyOf, createNames, mapSubgraphs, subgraphs } from '../rewrite.ts';
import { inferTypes, valueTypes } from '../types/infer.ts';
import { convertNode } from './convert-node.ts';
import { irVersionOf } from './ir-version.ts';

/**
 * Converts a model to a later version of ai.onnx, by the steps of `opsetSteps`. The signature and what is computed stay.
 *
 * 1. Nodes take on the form of the target, also in subgraphs and in local functions, each from the version that its own
 *    imports name. Attributes that became inputs become initializers named after their node; in local functions, and in
 *    models whose IR version stays below 4, Constant nodes.
 * 2. Nodes of other domains and calls of local functions stay, and so do versions of other domains.
 * 3. The IR version is raised to the least that the target's is published for. From IR version 4 on an initializer that
 *    is also an input is a default that a run may override; it stays an input.
 * 4. A local function of a later version than the target stays as it is.
 * 5. The same model when it is of this version already, or has no operators of ai.onnx.
 *
 * A model is converted as a whole or not at all. Throws `OPSET_UNCONVERTIBLE` for a node with a form that the target
 * does not have, where a step must know a value or type that is not known, and for a model of a later version than the
 * target; `PASS_OPTIONS` for a target that is no version up to {@link newestOpset}.
 */
export function convertOpset(target: number = newestOpset): Pass {
  if (!Number.isInteger(target) || target < 1 || target > newestOpset) {
    throw new SlmError(
      'PASS_OPTIONS',
      `convert-opset, target: expected an opset of 1 to ${newestOpset}, got ${target}`,
    );
  }
  return {
    name: 'convert-opset',
    run(model) {
      const findings: Finding[] = [];
      return { model: convert(model, target, findings), findings };
    },
  };
}

function convert(model: Model, target: number, findings: Finding[]): Model {
  const version = versionIn(model.opsets);
  if (version !== undefined && version > target) {
    const expected = `convert-opset, model: expected an opset of at most ${target}, got ${version}`;
    throw new SlmError('OPSET_UNCONVERTIBLE', `${expected} (a model is not converted to an earlier opset)`);
  }
  const versions = [version, ...(model.functions ?? []).map(({ opsets }) => versionIn(opsets))];
  if (versions.every((found) => found === undefined || found >= target)) return model;
  const irVersion = Math.max(model.irVersion, irVersionOf(target));
  const converter = new Converter(model, target, irVersion < 4, findings);
  const converted = { ...model, irVersion, ...converter.run() };
  const from = version === undefined ? '' : `opset ${version} became ${target}`;
  const raised = irVersion === model.irVersion ? '' : `IR version ${model.irVersion} became ${irVersion}`;
  const message = [from, raised].filter((part) => part !== '').join(', ');
  if (message !== '') findings.push({ kind: 'patched', where: model.graph.name, message });
  return converted;
}

/** The values that a graph sees. */
interface Scope {
  readonly types: ReadonlyMap<string, TensorType>;
  constant(value: string): Tensor | undefined;
}

class Converter {
  readonly #model: Model;
  readonly #target: number;
  readonly #constantsAreNodes: boolean;
  readonly #findings: Finding[];
  readonly #fresh: (base: string) => string;
  readonly #functions: ReadonlySet<string>;
  readonly #used: ReadonlySet<string>;

  constructor(model: Model, target: number, constantsAreNodes: boolean, findings: Finding[]) {
    this.#model = model;
    this.#target = target;
    this.#constantsAreNodes = constantsAreNodes;
    this.#findings = findings;
    this.#fresh = createNames(model);
    this.#functions = new Set((model.functions ?? []).map(({ domain, name }) => functionKey(domain, name)));
    this.#used = usedNames(model);
  }

  run(): Pick<Model, 'graph' | 'opsets' | 'functions'> {
    const { opsets, functions } = this.#model;
    const version = versionIn(opsets);
    const { graph } = this.#inferred();
    const nothing: Scope = { types: new Map(), constant: () => undefined };
    return {
      graph: version === undefined ? graph : this.#graph(graph, version, nothing, this.#constantsAreNodes),
      opsets: this.#raised(opsets),
      ...(functions && { functions: functions.map((local) => this.#function(local)) }),
    };
  }

  /** The model with the types that are known; as it is where they contradict each other. */
  #inferred(): Model {
    try {
      return inferTypes(this.#model);
    } catch (error) {
      if (!isSlmError(error)) throw error;
      const message = `types are not known: ${error.message}`;
      this.#findings.push({ kind: 'skipped', where: this.#model.graph.name, message });
      return this.#model;
    }
  }

  #raised(opsets: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
    const raise = ([domain, version]: [string, number]): [string, number] =>
      isDefaultDomain(domain) ? [domain, Math.max(version, this.#target)] : [domain, version];
    return Object.fromEntries(Object.entries(opsets).map(raise));
  }

  #function(local: LocalFunction): LocalFunction {
    const version =
      versionIn(local.opsets) ?? (Object.keys(local.opsets).length === 0 ? versionIn(this.#model.opsets) : undefined);
    if (version === undefined || version >= this.#target) return local;
    const { nodes } = this.#graph(bodyOf(local), version, { types: new Map(), constant: () => undefined }, true);
    return { ...local, nodes, opsets: this.#raised(local.opsets) };
  }

  #graph(graph: Graph, version: number, outer: Scope, constantsAreNodes: boolean): Graph {
    const isDefault = this.#model.irVersion >= 4;
    const inputs = isDefault ? graph.inputs : graph.inputs.filter(({ name }) => !graph.initializers.has(name));
    const scope: Scope = {
      types: new Map([...outer.types, ...valueTypes(graph)]),
      constant: constantLookup({ ...graph, inputs }, outer.constant),
    };
    const added = new Map<string, Tensor>();
    const nodes = graph.nodes.flatMap((original) => {
      const node = mapSubgraphs(original, (subgraph) => this.#graph(subgraph, version, scope, constantsAreNodes));
      if (!isDefaultDomain(node.domain) || this.#functions.has(functionKey(node.domain, node.opType))) return [node];
      const converted = convertNode(node, version, {
        target: this.#target,
        type: (value) => scope.types.get(value),
        constant: scope.constant,
        isUsed: (value) => this.#used.has(value),
        fresh: this.#fresh,
      });
      this.#report(node, converted.nodes, converted.versions);
      const constants = Array.from(converted.constants);
      if (constantsAreNodes) {
        const made = constants.map(([name, tensor]) => constantNode(this.#fresh(`${name}.node`), name, tensor));
        return [...made, ...converted.nodes];
      }
      for (const [name, tensor] of constants) added.set(name, tensor);
      return converted.nodes;
    });
    if (
      added.size === 0 &&
      nodes.length === graph.nodes.length &&
      nodes.every((node, at) => node === graph.nodes[at])
    ) {
      return graph;
    }
    return withoutStrays({ ...graph, nodes, initializers: new Map([...graph.initializers, ...added]) });
  }

  #report(node: Node, nodes: readonly Node[], versions: readonly number[]): void {
    if (versions.length === 0) return;
    const where = node.name || node.outputs.join(' ');
    const forms = `took on the form of opset ${versions.join(', ')}`;
    const made =
      nodes.length === 1 && nodes[0]!.opType === node.opType ? '' : `: ${nodes.map(({ opType }) => opType).join(', ')}`;
    this.#findings.push({ kind: 'patched', where, message: `${node.opType} ${forms}${made}` });
  }
}

/** The version of ai.onnx, which models import as `''` or by its name. */
function versionIn(opsets: Readonly<Record<string, number>>): number | undefined {
  const name = ['', 'ai.onnx'].find((domain) => Object.hasOwn(opsets, domain));
  return name === undefined ? undefined : opsets[name];
}

function functionKey(domain: string, name: string): string {
  return `${isDefaultDomain(domain) ? '' : domain}:${name}`;
}

/** Every name that a node, graph or function reads, wherever. */
function usedNames(model: Model): ReadonlySet<string> {
  const used = new Set<string>();
  const visit = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      for (const input of node.inputs) used.add(input);
      for (const graph of subgraphs(node)) visitGraph(graph);
    }
  };
  const visitGraph = (graph: Graph): void => {
    for (const { name } of graph.outputs) used.add(name);
    visit(graph.nodes);
  };
  visitGraph(model.graph);
  for (const local of model.functions ?? []) {
    for (const output of local.outputs) used.add(output);
    visit(local.nodes);
  }
  used.delete('');
  return used;
}
