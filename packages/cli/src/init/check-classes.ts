import { SlmError } from '@slm-compress/onnx';
import type { DataInspection } from '@slm-compress/text';

/** Rows of a label that training, validation and test need, some of which may turn out to be duplicates. */
const leastRows = 5;

/**
 * Throws SlmError `DATA_ONE_CLASS` when there are fewer than two labels and `DATA_CLASS_SIZE`, with the labels, when some
 * have too few rows to train, validate and test on.
 */
export function checkClasses(path: string, { classes, rows }: DataInspection): void {
  const labels = classes?.labels ?? [];
  if (labels.length < 2) {
    const got = labels.length === 0 ? 'none' : `only ${JSON.stringify(labels[0]!.label)}`;
    throw new SlmError('DATA_ONE_CLASS', `${path}: expected at least two labels, got ${got} in ${rows} rows`);
  }
  const small = labels.filter((label) => label.rows < leastRows);
  if (small.length === 0) return;
  const names = small.slice(0, 8).map(({ label, rows: count }) => `${JSON.stringify(label)} ${count}`);
  const missing = small.reduce((sum, label) => sum + leastRows - label.rows, 0);
  throw new SlmError(
    'DATA_CLASS_SIZE',
    `${path}: expected at least ${leastRows} rows a label, got fewer for ${small.length} of ${labels.length}: ` +
      `${names.join(', ')}${small.length > names.length ? ', …' : ''} (${missing} more rows are needed; or merge these labels or leave their rows out)`,
  );
}
