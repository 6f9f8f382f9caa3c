import type { Dim } from '../../model.ts';
import { divide } from '../dims.ts';
import { intOf, like, type RuleContext, rows, type TypeRule, textOf } from '../rule.ts';

/** [sequence, batch, input], or [batch, sequence, input] with `layout` 1, through cells of `hidden_size`. */
export const recurrentRules: Readonly<Record<string, TypeRule>> = {
  ...rows('GRU RNN', (context) => recurrent(context, gates(context))),
  LSTM: (context) => recurrent(context, 4),
};

function gates({ node }: RuleContext): number {
  return node.opType === 'GRU' ? 3 : 1;
}

/** Y, Y_h and Y_c; the hidden size comes from the recurrence weights [directions, gates · hidden, hidden] when it is not said. */
export function recurrent({ node, inputs: [x, w, r] }: RuleContext, gateCount: number): ReturnType<TypeRule> {
  const directions = textOf(node, 'direction', 'forward') === 'bidirectional' ? 2 : 1;
  const hidden: Dim = intOf(node, 'hidden_size', undefined) ?? r?.dims?.[2] ?? divide(w?.dims?.[1], gateCount);
  const batchFirst = intOf(node, 'layout', 0) !== 0;
  const [sequence, batch] = batchFirst ? [x?.dims?.[1], x?.dims?.[0]] : [x?.dims?.[0], x?.dims?.[1]];
  const all = batchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden];
  const last = like(x, batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
  return [like(x, all), last, last];
}
