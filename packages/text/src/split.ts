import { type Rng, SlmError } from '@slm-compress/onnx';
import type { Example, SplitShares } from './dataset.ts';

/**
 * Cuts examples in three, each label in the same proportions: per label a seeded shuffle, sizes by largest remainder,
 * and at least one example of every label in each part whose share is not 0. Each part keeps the order of `examples`.
 *
 * Throws SlmError `DATA_OPTION` when the shares are not in [0, 1], leave nothing to train on or do not sum to 1, and
 * `DATA_CLASS_SIZE` when a label has fewer examples than there are parts.
 */
export function stratifiedSplit<Row extends Pick<Example, 'label'>>(
  examples: readonly Row[],
  shares: SplitShares,
  rng: Rng,
): { readonly train: readonly Row[]; readonly validation: readonly Row[]; readonly test: readonly Row[] } {
  checkShares(shares);
  const weights = [shares.train, shares.validation, shares.test];
  const byLabel = new Map<string, number[]>();
  examples.forEach((example, i) => {
    const members = byLabel.get(example.label);
    if (members) members.push(i);
    else byLabel.set(example.label, [i]);
  });
  const parts: number[][] = [[], [], []];
  for (const label of [...byLabel.keys()].sort()) {
    const members = byLabel.get(label)!;
    const needed = weights.filter((share) => share > 0).length;
    if (members.length < needed) {
      throw new SlmError(
        'DATA_CLASS_SIZE',
        `label ${JSON.stringify(label)}: expected at least ${needed} different texts, one a split, got ${members.length}`,
      );
    }
    rng.fork(label).shuffle(members);
    let start = 0;
    sizes(members.length, weights).forEach((size, part) => {
      parts[part]!.push(...members.slice(start, start + size));
      start += size;
    });
  }
  const [train, validation, test] = parts.map((part) => part.sort((a, b) => a - b).map((i) => examples[i]!));
  return { train: train!, validation: validation!, test: test! };
}

/** Throws SlmError `DATA_OPTION` when the shares are not in [0, 1], leave nothing to train on or do not sum to 1. */
export function checkShares(shares: SplitShares): void {
  const weights = [shares.train, shares.validation, shares.test];
  const sum = weights.reduce((total, share) => total + share, 0);
  if (!weights.every((share) => share >= 0 && share <= 1) || shares.train === 0 || Math.abs(sum - 1) > 1e-9) {
    throw new SlmError(
      'DATA_OPTION',
      `split: expected shares of at least 0 that sum to 1 with train above 0, got ${weights.join(' / ')}`,
    );
  }
}

/** Largest-remainder sizes; a part with a share gets at least one, taken from the largest part. */
function sizes(total: number, weights: readonly number[]): readonly number[] {
  const counts = weights.map((share) => Math.floor(share * total + 1e-9));
  const order = weights
    .map((share, part) => ({ part, rest: share * total - counts[part]! }))
    .sort((a, b) => b.rest - a.rest || a.part - b.part);
  for (let i = 0, left = total - counts.reduce((a, b) => a + b, 0); left > 0; i++, left--) {
    counts[order[i % order.length]!.part]!++;
  }
  weights.forEach((share, part) => {
    if (share === 0 || counts[part]! > 0) return;
    counts[counts.indexOf(Math.max(...counts))]!--;
    counts[part]!++;
  });
  return counts;
}
