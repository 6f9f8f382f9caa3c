import type { Rng } from '@slm-compress/onnx';

/**
 * Assigns rows to parts, rows of one unit to one part, so that each label, and all rows together, come near to the shares.
 * Units are taken the largest first, in a seeded order among equals; each goes where it lowers the sum over labels of squared
 * distances from the share, divided by the rows of the label, the most (the lower part on a tie). Returns the part of each row.
 * Takes units × parts × labels of a unit in time.
 */
export function assignUnits(
  units: Int32Array,
  labels: readonly string[],
  shares: readonly number[],
  rng: Rng,
): Int32Array {
  const names = [...new Set(labels)].sort();
  const classes = new Map(names.map((name, i) => [name, i]));
  // The last class is that of all rows.
  const all = names.length;
  const totals = new Float64Array(all + 1);
  const members = new Map<number, number[]>();
  labels.forEach((label, i) => {
    totals[classes.get(label)!]!++;
    totals[all]!++;
    const list = members.get(units[i]!);
    if (list) list.push(i);
    else members.set(units[i]!, [i]);
  });
  const have = shares.map(() => new Float64Array(all + 1));
  const parts = new Int32Array(labels.length);
  const order = rng.shuffle([...members.values()]).sort((a, b) => b.length - a.length);
  for (const rows of order) {
    const counts = new Map<number, number>([[all, rows.length]]);
    for (const row of rows) {
      const own = classes.get(labels[row]!)!;
      counts.set(own, (counts.get(own) ?? 0) + 1);
    }
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    shares.forEach((share, part) => {
      if (share === 0) return;
      let change = 0;
      for (const [one, count] of counts) {
        const total = totals[one]!;
        change += (count * (count + 2 * (have[part]![one]! - share * total))) / total;
      }
      if (change >= least) return;
      least = change;
      best = part;
    });
    for (const row of rows) parts[row] = best;
    for (const [one, count] of counts) have[best]![one]! += count;
  }
  return parts;
}
