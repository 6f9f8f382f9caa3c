/** How long texts are, in one unit. */
export interface LengthAccount {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Nearest-rank percentiles. */
  readonly percentiles: Readonly<Record<'p5' | 'p25' | 'p50' | 'p75' | 'p95' | 'p99', number>>;
  /** Texts by length from `from` to less than `below`, in doubling steps: 0, 1, 2–3, 4–7, … */
  readonly histogram: readonly { readonly from: number; readonly below: number; readonly rows: number }[];
}

/** Counts texts by length; memory grows with the number of different lengths. */
export class LengthCounter {
  readonly #counts = new Map<number, number>();
  #rows = 0;
  #sum = 0;

  add(length: number): void {
    this.#counts.set(length, (this.#counts.get(length) ?? 0) + 1);
    this.#rows++;
    this.#sum += length;
  }

  /** Share of the texts longer than `limit`, and of the units beyond it. */
  beyond(limit: number): { readonly texts: number; readonly units: number } {
    let texts = 0;
    let units = 0;
    for (const [length, count] of this.#counts) {
      if (length <= limit) continue;
      texts += count;
      units += (length - limit) * count;
    }
    return { texts: texts / Math.max(1, this.#rows), units: units / Math.max(1, this.#sum) };
  }

  /** The smallest length that at least this share of the texts does not exceed; 0 without texts. */
  quantile(share: number): number {
    let seen = 0;
    for (const [length, count] of this.#sorted()) {
      seen += count;
      if (seen >= share * this.#rows - 1e-9) return length;
    }
    return 0;
  }

  account(): LengthAccount {
    const sorted = this.#sorted();
    const histogram: { from: number; below: number; rows: number }[] = [];
    for (const [length, count] of sorted) {
      while (histogram.length === 0 || length >= histogram.at(-1)!.below) {
        const from = histogram.at(-1)?.below ?? 0;
        histogram.push({ from, below: Math.max(1, 2 * from), rows: 0 });
      }
      histogram.at(-1)!.rows += count;
    }
    const [p5, p25, p50, p75, p95, p99] = [0.05, 0.25, 0.5, 0.75, 0.95, 0.99].map((share) => this.quantile(share));
    return {
      mean: this.#rows === 0 ? 0 : this.#sum / this.#rows,
      min: sorted[0]?.[0] ?? 0,
      max: sorted.at(-1)?.[0] ?? 0,
      percentiles: { p5: p5!, p25: p25!, p50: p50!, p75: p75!, p95: p95!, p99: p99! },
      histogram,
    };
  }

  #sorted(): readonly (readonly [number, number])[] {
    return [...this.#counts].sort((a, b) => a[0] - b[0]);
  }
}
