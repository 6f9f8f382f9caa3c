import { operandTypes } from '../check/operand-types.ts';
import type { DataType, Node, ValueType } from '../model.ts';
import { rowOf } from '../operator.ts';
import { asTensor, invalid } from './rule.ts';

const parsed = new Map<string, readonly string[]>();

/**
 * Checks the element types of a node's inputs, as far as they are known. A row of the table has a word per input:
 * `float32` is that type, a letter is the same type wherever it stands, `*` is any; a last word with `…` holds for all
 * that follow. Throws `ONNX_INVALID`.
 */
export function checkOperandTypes(node: Node, values: readonly (ValueType | undefined)[]): void {
  const row = rowOf(operandTypes, node);
  if (row === undefined) return;
  const words = parsed.get(row) ?? row.split(' ');
  parsed.set(row, words);
  const letters = new Map<string, readonly [type: DataType, input: number]>();
  for (const [input, value] of values.entries()) {
    const type = asTensor(value)?.type;
    const last = words.at(-1)!;
    const word = words[input] ?? (last.endsWith('…') ? last : '*');
    if (type === undefined || word === '*') continue;
    const name = word.replace('…', '');
    if (name.length > 1) {
      if (name !== type) throw invalid(node, `input ${input} of ${name}`, type);
      continue;
    }
    const first = letters.get(name);
    if (first === undefined) letters.set(name, [type, input]);
    else if (first[0] !== type)
      throw invalid(node, `input ${input} of ${first[0]} like input ${first[1]}`, type, 'cast one');
  }
}
