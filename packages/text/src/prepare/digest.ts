import { createHash } from 'node:crypto';
import type { DataSplits, TextExample } from '../dataset.ts';

/** The parts of a data set in the order in which they are written and digested. */
export const partNames = ['train', 'validation', 'test', 'unlabelled'] as const;

/** sha256 (hex) over the name, the labels and every row of the parts in order. */
export function digestSplits(parts: Omit<DataSplits<TextExample>, 'digest' | 'account'>): string {
  const { name, task, labels } = parts;
  const hash = createHash('sha256');
  hash.update(`${JSON.stringify(task === 'classification' ? [name, labels] : [name, labels, task])}\n`);
  for (const part of partNames) {
    if (part === 'unlabelled' && parts.unlabelled.length === 0) continue;
    hash.update(`${part}\n`);
    for (const { id, text, label, ...others } of parts[part]) {
      const row = [id, text, label ?? null];
      hash.update(`${JSON.stringify(Object.keys(others).length === 0 ? row : [...row, others])}\n`);
    }
  }
  return hash.digest('hex');
}
