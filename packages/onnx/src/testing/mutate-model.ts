import type { Rng } from '../rng.ts';
import { readTree, type WireField, writeTree } from './wire-tree.ts';

/** A list of fields and a place in it. */
interface Spot {
  readonly list: WireField[];
  readonly index: number;
}

type Mutation = (spot: Spot, tree: Tree, rng: Rng) => void;

interface Tree {
  readonly root: WireField[];
  readonly spots: readonly Spot[];
}

/** Bytes of a file. */
const LARGEST = 2 ** 18;
/** Fields of a file. */
const LARGEST_TREE = 10_000;

/**
 * A serialized model with one to eight changes: to fields (numbers, wire types, lengths, values, order, nesting, names,
 * subtrees of another model) or to bytes. The same rng state gives the same bytes. At most 256 KiB.
 */
export function mutateModel(bytes: Uint8Array, donor: Uint8Array, rng: Rng): Uint8Array {
  if (rng.integer(4) === 0) return mutateBytes(bytes, donor, rng);
  const root = readTree(bytes, 'ModelProto');
  const donated = spotsOf(readTree(donor, 'ModelProto'));
  for (let rounds = 1 + (rng.integer(3) === 0 ? rng.integer(8) : 0); rounds > 0; rounds--) {
    const spots = spotsOf(root);
    if (spots.length === 0 || spots.length > LARGEST_TREE) break;
    // Deep fields are many; every other change goes to a message.
    const messages = spots.filter(({ list, index }) => list[index]!.children !== undefined);
    const among = messages.length > 0 && rng.integer(2) === 0 ? messages : spots;
    const mutation = rng.integer(6) === 0 ? graft(donated) : mutations[rng.integer(mutations.length)]!;
    mutation(among[rng.integer(among.length)]!, { root, spots }, rng);
  }
  const mutated = writeTree(root);
  const made = rng.integer(10) === 0 ? mutateBytes(mutated, donor, rng) : mutated;
  return made.length > LARGEST ? made.subarray(0, LARGEST) : made;
}

function mutateBytes(bytes: Uint8Array, donor: Uint8Array, rng: Rng): Uint8Array {
  const kind = rng.integer(4);
  if (kind === 0) return bytes.slice(0, rng.integer(bytes.length + 1));
  if (kind === 1) {
    const [at, from, length] = [rng.integer(bytes.length + 1), rng.integer(donor.length + 1), rng.integer(64)];
    return Buffer.concat([
      bytes.subarray(0, at),
      donor.subarray(from, from + length),
      bytes.subarray(at + rng.integer(64)),
    ]);
  }
  const copy = bytes.slice();
  for (let flips = 1 + rng.integer(8); flips > 0 && copy.length > 0; flips--)
    copy[rng.integer(copy.length)] = rng.integer(256);
  return copy;
}

function spotsOf(list: WireField[], spots: Spot[] = []): Spot[] {
  for (const [index, field] of list.entries()) {
    spots.push({ list, index });
    if (field.children !== undefined) spotsOf(field.children, spots);
  }
  return spots;
}

/** Bytes of a field's content, lengths and tags left out. */
function sizeOf(field: WireField): number {
  return field.children?.reduce((sum, child) => sum + sizeOf(child), 4) ?? field.bytes.length + 4;
}

const extremes = [
  0n,
  1n,
  2n,
  127n,
  2n ** 16n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  -1n,
  -2n,
];

const mutations: readonly Mutation[] = [
  function remove({ list, index }) {
    list.splice(index, 1);
  },
  function duplicate({ list, index }) {
    list.splice(index, 0, structuredClone(list[index]!));
  },
  function swap({ list, index }, _, rng) {
    const other = rng.integer(list.length);
    [list[index], list[other]] = [list[other]!, list[index]!];
  },
  function repeat({ list, index }, { spots }, rng) {
    const field = list[index]!;
    const room = Math.floor((LARGEST_TREE - spots.length) / spotsOf([field]).length);
    const copies = Math.min(room, Math.floor(LARGEST / 4 / (sizeOf(field) + 1)), 2 ** rng.integer(12));
    const made = Array.from({ length: Math.max(0, copies) }, () => structuredClone(field));
    list.splice(index, 0, ...made);
  },
  function renumber({ list, index }, _, rng) {
    const field = list[index]!;
    field.number = rng.integer(8) === 0 ? 1 + rng.integer(2 ** 29 - 1) : 1 + rng.integer(26);
  },
  function rewire({ list, index }, _, rng) {
    list[index]!.wireType = rng.integer(8);
  },
  function lie({ list, index }, _, rng) {
    list[index]!.lie = rng.integer(4) === 0 ? 2 ** rng.integer(33) : rng.integer(9) - 4;
  },
  function change({ list, index }, _, rng) {
    const field = list[index]!;
    field.value =
      rng.integer(2) === 0 ? extremes[rng.integer(extremes.length)]! : field.value + BigInt(rng.integer(9) - 4);
    if (field.wireType === 2 && field.bytes.length > 0 && field.children === undefined) {
      field.bytes = field.bytes.slice(0, rng.integer(field.bytes.length + 1));
    }
  },
  function enlarge(_, { spots }, rng) {
    // Sizes, versions and counts are varints of 64 bits.
    const varints = spots.filter(({ list, index }) => list[index]!.type === 'int64' && list[index]!.wireType === 0);
    if (varints.length === 0) return;
    const { list, index } = varints[rng.integer(varints.length)]!;
    list[index]!.value = extremes[rng.integer(extremes.length)]!;
  },
  function rename({ list, index }, { spots }, rng) {
    // Names of other values, nodes, operators: cycles, double definitions, wrong operators.
    const names = spots.filter((spot) => spot.list[spot.index]!.type === 'string');
    if (names.length === 0) return;
    const target = list[index]!.type === 'string' ? { list, index } : names[rng.integer(names.length)]!;
    const from = names[rng.integer(names.length)]!;
    target.list[target.index]!.bytes = from.list[from.index]!.bytes;
  },
  function nest(_, { spots }, rng) {
    // A graph within an attribute within a node of itself, again and again.
    const graphs = spots.filter(({ list, index }) => list[index]!.type === 'GraphProto');
    if (graphs.length === 0) return;
    const { list, index } = graphs[rng.integer(graphs.length)]!;
    const graph = list[index]!;
    const { children = [] } = graph;
    let whole: WireField = { ...graph, number: 6, children: children.slice(0, 3) };
    for (let depth = 2 ** rng.integer(7); depth > 0; depth--) {
      const attribute = message(5, 'AttributeProto', [text(1, 'body'), varint(20, 5n), whole]);
      const node = message(1, 'NodeProto', [text(4, 'If'), attribute]);
      whole = { ...graph, number: 6, children: depth === 1 ? [...children, node] : [node] };
    }
    list[index] = { ...whole, number: graph.number };
  },
  function exchange({ list, index }, { spots }, rng) {
    const field = list[index]!;
    const alike = spots.filter((spot) => spot.list[spot.index]!.type === field.type);
    const { list: from, index: at } = alike[rng.integer(alike.length)] ?? { list, index };
    const taken = structuredClone(from[at]!);
    if (sizeOf(taken) < LARGEST / 16) list[index] = { ...taken, number: field.number };
  },
];

/** Puts a field of another model beside one of this model, or in its place. */
function graft(donated: readonly Spot[]): Mutation {
  return ({ list, index }, _, rng) => {
    if (donated.length === 0) return;
    const { list: from, index: at } = donated[rng.integer(donated.length)]!;
    const taken = structuredClone(from[at]!);
    if (sizeOf(taken) > LARGEST / 16) return;
    list.splice(index, rng.integer(2), rng.integer(2) === 0 ? taken : { ...taken, number: list[index]!.number });
  };
}

const blank = { value: 0n, bytes: new Uint8Array(), children: undefined, lie: 0 };

function message(number: number, type: string, children: WireField[]): WireField {
  return { ...blank, number, wireType: 2, type, children };
}

function text(number: number, value: string): WireField {
  return { ...blank, number, wireType: 2, type: 'string', bytes: new TextEncoder().encode(value) };
}

function varint(number: number, value: bigint): WireField {
  return { ...blank, number, wireType: 0, type: 'int64', value };
}
