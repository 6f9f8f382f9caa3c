import type { Kernel, KernelContext } from '../kernel.ts';
import type { Value } from '../value.ts';
import { activationsByName } from './activation.ts';
import { expectDims, expectRank } from './expect-shape.ts';
import { transposed } from './movement.ts';
import { zeros } from './zeros.ts';

/** The parameters of one direction; absent inputs are zeros. */
interface Direction {
  readonly hidden: number;
  /** Recurrence weights `[gates · hidden, hidden]`. */
  readonly recurrence: Float64Array;
  /** Bias of the recurrence `[gates · hidden]`. */
  readonly recurrenceBias: Float64Array;
  /** Peepholes `[3 · hidden]`, in the order of the gates. */
  readonly peepholes: Float64Array;
  readonly activations: readonly ((x: number) => number)[];
  readonly clip: (x: number) => number;
}

/**
 * Advances the states of one sequence: `input` is W x + Wb, `[gates · hidden]`; `previous` is the hidden state before;
 * `state` and `cell` are overwritten.
 */
type Step = (input: Float64Array, previous: Float64Array, state: Float64Array, cell: Float64Array) => void;

/** What tells one recurrent operator from another. */
interface Recurrence {
  readonly gates: number;
  /** Names of the default activations of a direction. */
  readonly activations: readonly string[];
  /** Whether there is a cell state: inputs `initial_c` and P, output `Y_c`. */
  readonly cell: boolean;
  readonly step: (c: KernelContext, direction: Direction) => Step;
  /** What the gates see of the hidden states `[batch, hidden]` of a direction. Default: the states. */
  readonly recall?: (states: Float64Array) => Float64Array;
}

/** `matrix[row] · x` for rows of x's length. */
function dotRow(matrix: Float64Array, row: number, x: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += matrix[row * x.length + k]! * x[k]!;
  return sum;
}

/** Sequence and batch, or directions and batch, in the other order. */
const swapLeading = (x: Value): Value => transposed(x, [1, 0, 2]);

/**
 * LSTM, GRU and RNN (https://onnx.ai/onnx/operators/onnx__LSTM.html): the same frame around different steps. Sequences
 * end at their `sequence_lens`; behind them Y is 0, and a reversed direction starts there.
 */
export function recurrent({ gates, activations, cell, step, recall = (states) => states.slice() }: Recurrence): Kernel {
  return (c) => {
    const batchFirst = c.int('layout', 0) === 1;
    expectRank(c, 'X', c.input(0), 3);
    const x = batchFirst ? swapLeading(c.input(0)) : c.input(0);
    const [w, r, b, lengths, p] = [
      c.input(1),
      c.input(2),
      c.optional(3),
      c.integers(4),
      cell ? c.optional(7) : undefined,
    ];
    const direction = c.text('direction', 'forward');
    const reversed = { forward: [false], reverse: [true], bidirectional: [false, true] }[direction];
    if (!reversed) return c.refuse(`the direction "${direction}"`);
    const [length, batch, width] = x.dims as [number, number, number];
    const directions = reversed.length;
    const hidden = r.dims.at(-1) ?? 0;
    if (hidden === 0) c.misfit('a hidden state', `[${r.dims}]`);
    const rows = gates * hidden;
    expectDims(c, 'W', w, [directions, rows, width]);
    expectDims(c, 'R', r, [directions, rows, hidden]);
    expectDims(c, 'B', b, [directions, 2 * rows]);
    expectDims(c, 'P', p, [directions, 3 * hidden]);
    expectDims(c, 'sequence_lens', c.optional(4), [batch]);
    const initial = (index: number): Float64Array => {
      const given = c.optional(index);
      expectDims(c, `input ${index}`, given, batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
      if (!given) return zeros(c, x.type, [directions, batch, hidden]).data;
      return Float64Array.from((batchFirst ? swapLeading(given) : given).data);
    };
    const states = { hidden: initial(5), cell: cell ? initial(6) : new Float64Array(directions * batch * hidden) };

    const names = c.texts('activations') ?? reversed.flatMap(() => activations);
    if (names.length !== activations.length * directions)
      c.misfit(`${activations.length * directions} activations`, `${names.length}`);
    const functions = activationsByName(c, names, c.floats('activation_alpha'), c.floats('activation_beta'));
    const bound = c.node.attributes.clip ? c.float('clip', 0) : Number.POSITIVE_INFINITY;
    const clip = (value: number) => Math.min(Math.max(value, -bound), bound);

    const y = zeros(c, x.type, [length, directions, batch, hidden]).data;
    const ends = Array.from({ length: batch }, (_, n) => lengths?.[n] ?? length);
    const odd = ends.find((end) => !(end >= 0 && end <= length));
    if (odd !== undefined) c.misfit(`sequence lengths up to ${length}`, `${odd}`);
    // the states of an empty sequence are 0, as in ONNX Runtime
    for (let at = 0; at < directions * batch; at++) {
      if (ends[at % batch] !== 0) continue;
      for (const values of [states.hidden, states.cell]) values.fill(0, at * hidden, (at + 1) * hidden);
    }
    for (const [d, backwards] of reversed.entries()) {
      const weights = w.data.subarray(d * rows * width, (d + 1) * rows * width);
      const bias = b?.data.subarray(d * 2 * rows, (d + 1) * 2 * rows) ?? new Float64Array(2 * rows);
      const advance = step(c, {
        hidden,
        recurrence: r.data.subarray(d * rows * hidden, (d + 1) * rows * hidden),
        recurrenceBias: bias.subarray(rows),
        peepholes: p?.data.subarray(d * 3 * hidden, (d + 1) * 3 * hidden) ?? new Float64Array(3 * hidden),
        activations: functions.slice(d * activations.length, (d + 1) * activations.length),
        clip,
      });
      const own = states.hidden.subarray(d * batch * hidden, (d + 1) * batch * hidden);
      for (let t = 0; t < length; t++) {
        const seen = recall(own);
        for (const [n, end] of ends.entries()) {
          if (t >= end) continue;
          const time = backwards ? end - 1 - t : t;
          const token = x.data.subarray((time * batch + n) * width, (time * batch + n + 1) * width);
          const input = Float64Array.from({ length: rows }, (_, row) => dotRow(weights, row, token) + bias[row]!);
          const [from, to] = [n * hidden, (n + 1) * hidden];
          const state = own.subarray(from, to);
          const at = d * batch * hidden;
          advance(input, seen.subarray(from, to), state, states.cell.subarray(at + from, at + to));
          y.set(state, ((time * directions + d) * batch + n) * hidden);
        }
      }
    }
    const sequence: Value = { type: x.type, dims: [length, directions, batch, hidden], data: y };
    const finals = [states.hidden, ...(cell ? [states.cell] : [])].map((data): Value => {
      const final = { type: x.type, dims: [directions, batch, hidden], data };
      return batchFirst ? swapLeading(final) : final;
    });
    return [batchFirst ? transposed(sequence, [2, 0, 1, 3]) : sequence, ...finals];
  };
}

/** Gates i, o, f, c; with `input_forget` the forget gate is 1 − i. The cell is not clipped, as in ONNX Runtime. */
export const lstm: Recurrence = {
  gates: 4,
  activations: ['sigmoid', 'tanh', 'tanh'],
  cell: true,
  step: (c, { hidden, recurrence, recurrenceBias, peepholes, activations: [f, g, h], clip }) => {
    const coupled = c.int('input_forget', 0) !== 0;
    return (input, previous, state, cell) => {
      const gate = (index: number, j: number, peep: number) => {
        const row = index * hidden + j;
        return clip(input[row]! + dotRow(recurrence, row, previous) + recurrenceBias[row]! + peep);
      };
      for (let j = 0; j < hidden; j++) {
        const i = f!(gate(0, j, peepholes[j]! * cell[j]!));
        const forget = coupled ? 1 - i : f!(gate(2, j, peepholes[2 * hidden + j]! * cell[j]!));
        cell[j] = forget * cell[j]! + i * g!(gate(3, j, 0));
        const o = f!(gate(1, j, peepholes[hidden + j]! * cell[j]!));
        state[j] = o * h!(cell[j]!);
      }
    };
  },
};

/** Gates z, r, h. */
const gru: Recurrence = {
  gates: 3,
  activations: ['sigmoid', 'tanh'],
  cell: false,
  step: (c, { hidden, recurrence, recurrenceBias, activations: [f, g], clip }) => {
    const linearBeforeReset = c.int('linear_before_reset', 0) !== 0;
    return (input, previous, state) => {
      const gate = (row: number) => f!(clip(input[row]! + dotRow(recurrence, row, previous) + recurrenceBias[row]!));
      const reset = previous.map((_, j) => gate(hidden + j));
      const resetState = previous.map((value, j) => reset[j]! * value);
      for (let j = 0; j < hidden; j++) {
        const row = 2 * hidden + j;
        const recurred = linearBeforeReset
          ? reset[j]! * (dotRow(recurrence, row, previous) + recurrenceBias[row]!)
          : dotRow(recurrence, row, resetState) + recurrenceBias[row]!;
        const z = gate(j);
        state[j] = (1 - z) * g!(clip(input[row]! + recurred)) + z * previous[j]!;
      }
    };
  },
};

const rnn: Recurrence = {
  gates: 1,
  activations: ['tanh'],
  cell: false,
  step: (_, { hidden, recurrence, recurrenceBias, activations: [f], clip }) => {
    return (input, previous, state) => {
      for (let j = 0; j < hidden; j++)
        state[j] = f!(clip(input[j]! + dotRow(recurrence, j, previous) + recurrenceBias[j]!));
    };
  },
};

export const recurrentKernels: Readonly<Record<string, Kernel>> = {
  LSTM: recurrent(lstm),
  GRU: recurrent(gru),
  RNN: recurrent(rnn),
};
