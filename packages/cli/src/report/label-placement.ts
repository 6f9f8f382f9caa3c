/** A point with the text to write beside it, in pixels from the top left corner of the plot. */
export interface LabelledPoint {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

export interface PlotArea {
  readonly width: number;
  readonly height: number;
  readonly fontSize: number;
}

export interface PlacedLabel {
  /** Index of the point. */
  readonly index: number;
  readonly align: 'left' | 'right' | 'center';
  readonly dx: number;
  readonly dy: number;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where a label may go, best first. */
const CANDIDATES = [
  { align: 'left', dx: 11, dy: -9 },
  { align: 'left', dx: 11, dy: 9 },
  { align: 'right', dx: -11, dy: -9 },
  { align: 'right', dx: -11, dy: 9 },
  { align: 'left', dx: 11, dy: -24 },
  { align: 'left', dx: 11, dy: 24 },
  { align: 'right', dx: -11, dy: -24 },
  { align: 'right', dx: -11, dy: 24 },
] as const;

/**
 * Puts a label beside every point, greedily from the first: the candidate that overlaps the fewest points and labels
 * already placed and stays inside the plot. Width of text is estimated as 0.58 em a character.
 */
export function placeLabels(points: readonly LabelledPoint[], area: PlotArea): readonly PlacedLabel[] {
  const taken: Box[] = points.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }));
  return points.map((point, index) => {
    const options = CANDIDATES.map((candidate) => {
      const box = boxOf(point, candidate, area.fontSize);
      const outside = box.left < 0 || box.right > area.width || box.top < 0 || box.bottom > area.height;
      return { candidate, box, cost: taken.filter((other) => overlap(box, other)).length + (outside ? 2 : 0) };
    });
    const best = options.reduce((least, option) => (option.cost < least.cost ? option : least));
    taken.push(best.box);
    return { index, ...best.candidate };
  });
}

function boxOf({ x, y, text }: LabelledPoint, { align, dx, dy }: (typeof CANDIDATES)[number], fontSize: number): Box {
  const width = text.length * fontSize * 0.58;
  const left = align === 'left' ? x + dx : x + dx - width;
  return { left, right: left + width, top: y + dy - fontSize * 0.6, bottom: y + dy + fontSize * 0.6 };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
