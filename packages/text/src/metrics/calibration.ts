import { checkProbabilities, checkRange, checkRows, metricsError } from './check-rows.ts';

export interface CalibrationOptions {
  /** 15 by default (Guo et al. 2017). */
  readonly bins?: number;
  /** Bins of equal width (the default) or of equal mass, cut at quantiles of the confidences. */
  readonly by?: 'width' | 'mass';
}

/** Rows whose confidence fell into one bin. */
export interface ReliabilityRow {
  /** The bin is (low, high]; the first holds its low end too. */
  readonly low: number;
  readonly high: number;
  readonly rows: number;
  /** Mean confidence. */
  readonly confidence: number;
  /** Share of rows that were right. */
  readonly accuracy: number;
}

/**
 * Confidence against accuracy, bin by bin, empty bins left out: `confidences` in [0, 1], and 1 or true where the row was
 * right. Bins are those of scikit-learn's `calibration_curve`.
 * Throws SlmError `METRICS_INPUT` for no rows, unequal lengths, values outside [0, 1] or senseless bins.
 */
export function reliabilityTable(
  confidences: ArrayLike<number>,
  correct: ArrayLike<number | boolean>,
  options: CalibrationOptions = {},
): ReliabilityRow[] {
  const { bins = 15, by = 'width' } = options;
  const rows = checkRows('calibration', confidences, correct);
  checkRange('calibration', confidences, 0, 1);
  if (!Number.isInteger(bins) || bins < 1 || bins > 1e6) {
    throw metricsError('calibration', `expected 1 to 1000000 bins, got ${bins}`);
  }
  const edges = by === 'width' ? equalWidth(bins) : quantiles(Float64Array.from(confidences).sort(), bins);
  const table = Array.from({ length: bins }, () => ({ rows: 0, confidence: 0, right: 0 }));
  for (let i = 0; i < rows; i++) {
    const bin = table[binOf(edges, confidences[i]!)]!;
    bin.rows++;
    bin.confidence += confidences[i]!;
    if (correct[i]) bin.right++;
  }
  return table.flatMap(({ rows: count, confidence, right }, b) =>
    count === 0
      ? []
      : [{ low: edges[b]!, high: edges[b + 1]!, rows: count, confidence: confidence / count, accuracy: right / count }],
  );
}

/**
 * Expected calibration error: mean over rows of |accuracy − confidence| of their bin (Naeini et al. 2015; Guo et al.
 * 2017, arXiv:1706.04599). Throws SlmError `METRICS_INPUT` as {@link reliabilityTable}.
 */
export function expectedCalibrationError(
  confidences: ArrayLike<number>,
  correct: ArrayLike<number | boolean>,
  options: CalibrationOptions = {},
): number {
  const table = reliabilityTable(confidences, correct, options);
  return table.reduce((sum, bin) => sum + bin.rows * Math.abs(bin.accuracy - bin.confidence), 0) / confidences.length;
}

/**
 * What {@link reliabilityTable} takes, from class probabilities `[rows][classes]`: the highest probability of each row
 * (the lower class id on a tie), and whether that class was right.
 * Throws SlmError `METRICS_INPUT` for no rows, ragged rows, ids out of range or values outside [0, 1].
 */
export function topConfidence(
  probabilities: readonly ArrayLike<number>[],
  expected: ArrayLike<number>,
): { readonly confidences: Float64Array; readonly correct: boolean[] } {
  const classes = checkProbabilities('calibration', probabilities, expected);
  const confidences = new Float64Array(probabilities.length);
  const correct = probabilities.map((row, i) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (row[c]! > row[best]!) best = c;
    confidences[i] = row[best]!;
    return best === expected[i];
  });
  return { confidences, correct };
}

/** Edges `i · (1 / bins)`, the last exactly 1: the bits of `numpy.linspace`, so that rows on an edge fall alike. */
function equalWidth(bins: number): Float64Array {
  return Float64Array.from({ length: bins + 1 }, (_, i) => (i === bins ? 1 : i * (1 / bins)));
}

/** Linear quantiles of sorted values, with the roundings of `numpy.percentile`. */
function quantiles(sorted: Float64Array, bins: number): Float64Array {
  const last = sorted.length - 1;
  return equalWidth(bins).map((share) => {
    const place = ((share * 100) / 100) * last;
    const below = Math.floor(place);
    const low = sorted[below]!;
    const step = sorted[Math.min(below + 1, last)]! - low;
    const t = place - below;
    return t < 0.5 ? low + step * t : low + step - step * (1 - t);
  });
}

/** The first bin whose high edge is not below the value. */
function binOf(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle + 1]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
