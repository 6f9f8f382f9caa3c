import { parse, resetSVGDefIds, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { placeLabels } from './label-placement.ts';
import type { Row, StageReport } from './schema.ts';
import { bytesText, percent, significant } from './wording.ts';

/** A chart drawn twice, for a wide and for a narrow screen; colours are CSS variables of the page. */
export interface Chart {
  /** Says in words what the chart shows; its accessible name. */
  readonly title: string;
  readonly wide: string;
  readonly narrow: string;
}

type Spec = Record<string, unknown>;

const INK = 'var(--ink)';
const MUTED = 'var(--muted)';
const GRID = 'var(--line)';
const WIDE = { width: 900, labelled: 880, half: 420, size: 13 };
const NARROW = { width: 232, labelled: 184, half: 232, size: 12 };
type Format = typeof WIDE;

/** Number of series colours of the page, `--series-0` … */
const SERIES = 6;

/** CSS colour of the n-th series. */
export function seriesColor(index: number): string {
  return `var(--series-${index % SERIES})`;
}

/**
 * Accuracy with its interval against the median latency on a logarithmic axis, a line through the steps that led to
 * the result; baselines, which have no latency, as dashed horizontal lines. Undefined without a measured latency.
 */
export async function accuracyAgainstLatency(
  rows: readonly Row[],
  lineage: readonly string[],
): Promise<Chart | undefined> {
  const measured = rows.filter((row) => row.latencyMs !== null && row.latencyMs.p50 > 0);
  if (measured.length === 0) return undefined;
  const baselines = rows.filter((row) => row.kind === 'baseline');
  const title = `Accuracy against latency: ${measured
    .map((row) => `${row.name} ${percent(row.accuracy)} at ${significant(row.latencyMs!.p50)} ms`)
    .join(', ')}`;
  return draw(title, (format) => scatter(measured, baselines, lineage, format));
}

function scatter(
  measured: readonly Row[],
  baselines: readonly Row[],
  lineage: readonly string[],
  format: Format,
): Spec {
  const height = 300;
  const latencies = measured.map((row) => row.latencyMs!.p50);
  const x = [Math.min(...latencies) / 1.4, Math.max(...latencies) * 1.5] as const;
  const shown = [...measured, ...baselines];
  const lows = Math.min(...shown.map((row) => Math.min(row.accuracyInterval.low, row.accuracy)));
  const highs = Math.max(...shown.map((row) => Math.max(row.accuracyInterval.high, row.accuracy)));
  const margin = Math.max(0.002, (highs - lows) * 0.12);
  const y = [Math.max(0, lows - margin), Math.min(1, highs + margin)] as const;
  const place = (row: Row) => ({
    x: (Math.log(row.latencyMs!.p50 / x[0]) / Math.log(x[1] / x[0])) * format.width,
    y: (1 - (row.accuracy - y[0]) / (y[1] - y[0])) * height,
    text: row.name,
  });
  const labels = placeLabels(measured.map(place), { width: format.width, height, fontSize: format.size });
  const position = {
    x: {
      field: 'latency',
      type: 'quantitative',
      title: 'median latency, ms (logarithmic)',
      scale: { type: 'log', domain: x, nice: false },
      axis: { values: ticks(...x), format: '~g', grid: false },
    },
    y: {
      field: 'accuracy',
      type: 'quantitative',
      title: null,
      scale: { domain: y, zero: false, nice: false },
      axis: { format: y[1] - y[0] < 0.08 ? '.1%' : '.0%', tickCount: 5 },
    },
  };
  const point = (row: Row) => ({ name: row.name, latency: row.latencyMs!.p50, accuracy: row.accuracy });
  const path = lineage.flatMap((name) => measured.filter((row) => row.name === name)).map(point);
  const result = lineage[0];
  return {
    width: format.width,
    height,
    layer: [
      {
        data: { values: baselines.map(({ name, accuracy }) => ({ name, accuracy })) },
        layer: [
          { mark: { type: 'rule', strokeDash: [5, 4], color: MUTED }, encoding: { y: position.y } },
          {
            mark: { type: 'text', align: 'right', dx: -4, dy: -7, color: MUTED, fontSize: format.size },
            encoding: { y: position.y, x: { value: format.width }, text: { field: 'name' } },
          },
        ],
      },
      {
        data: { values: path.map((value, order) => ({ ...value, order })) },
        mark: { type: 'line', color: MUTED, strokeWidth: 1.5, opacity: 0.5 },
        encoding: { ...position, order: { field: 'order', type: 'quantitative' } },
      },
      {
        data: { values: measured.map((row) => ({ ...point(row), ...row.accuracyInterval })) },
        mark: { type: 'rule', color: MUTED, strokeWidth: 1.5, opacity: 0.75 },
        encoding: { x: position.x, y: { ...position.y, field: 'low' }, y2: { field: 'high' } },
      },
      {
        data: { values: measured.map((row) => ({ ...point(row), result: row.name === result })) },
        mark: { type: 'circle', opacity: 1, size: 110, stroke: 'var(--surface)', strokeWidth: 2 },
        encoding: {
          ...position,
          color: { condition: { test: 'datum.result', value: 'var(--accent)' }, value: 'var(--series-0)' },
        },
      },
      ...labels.map(({ index, align, dx, dy }) => ({
        data: { values: [point(measured[index]!)] },
        mark: {
          type: 'text',
          align,
          dx,
          dy,
          baseline: 'middle',
          fontSize: format.size,
          fontWeight: measured[index]!.name === result ? 700 : 500,
          color: INK,
          stroke: 'none',
        },
        encoding: { ...position, text: { field: 'name' } },
      })),
    ],
  };
}

/** File sizes as bars from zero. Undefined when no row has a size. */
export async function sizeBars(rows: readonly Row[], result: string | undefined): Promise<Chart | undefined> {
  const values = rows.flatMap(({ name, bytes }) =>
    bytes === null ? [] : [{ name, bytes, text: bytesText(bytes), result: name === result }],
  );
  if (values.length === 0) return undefined;
  const title = `Size of the model file: ${values.map(({ name, text }) => `${name} ${text}`).join(', ')}`;
  const most = Math.max(...values.map(({ bytes }) => bytes));
  return draw(title, (format) => ({
    width: format.labelled,
    height: { step: 34 },
    data: { values },
    encoding: {
      y: {
        field: 'name',
        type: 'nominal',
        sort: null,
        title: null,
        axis: { grid: false, domain: false, ticks: false },
      },
      x: {
        field: 'bytes',
        type: 'quantitative',
        scale: { domain: [0, most * (format === WIDE ? 1.1 : 1.42) || 1], nice: false },
        axis: null,
      },
    },
    layer: [
      {
        mark: { type: 'bar', height: 18, cornerRadiusEnd: 4 },
        encoding: { color: { condition: { test: 'datum.result', value: 'var(--accent)' }, value: 'var(--series-0)' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 7, color: INK, fontSize: format.size },
        encoding: { text: { field: 'text' } },
      },
    ],
  }));
}

/** Bins of a histogram on the logarithmic axis. */
const BINS = 160;

/**
 * How the latency of every model was spread: a histogram each on a shared logarithmic axis, scaled to its own highest
 * bin, with the median and the 99th percentile marked. Undefined without samples.
 */
export async function latencyDistributions(rows: readonly Row[]): Promise<Chart | undefined> {
  const measured = rows.filter((row) => row.latencyMs !== null && (row.latencySamples?.length ?? 0) > 0);
  if (measured.length === 0) return undefined;
  const positive = measured.map((row) => row.latencySamples!.filter((sample) => sample > 0));
  const all = positive.flat();
  if (all.length === 0) return undefined;
  const x = [Math.min(...all) / 1.12, Math.max(...all, ...measured.map((row) => row.latencyMs!.p99)) * 1.12] as const;
  const title = `Latency distributions: ${measured
    .map((row) => `${row.name} median ${significant(row.latencyMs!.p50)} ms, p99 ${significant(row.latencyMs!.p99)} ms`)
    .join('; ')}`;
  const scale = { type: 'log', domain: x, nice: false };
  const quantitative = { type: 'quantitative', scale, title: 'latency, ms (logarithmic)' };
  const bins = measured.flatMap((_, line) => histogram(line, positive[line]!, x));
  const marks = measured.flatMap((row, line) =>
    (['p50', 'p99'] as const).map((quantile) => ({
      quantile,
      at: row.latencyMs![quantile],
      top: line + 0.15,
      base: line + 0.85,
    })),
  );
  const names = JSON.stringify(measured.map(({ name }) => name));
  const y = {
    type: 'quantitative',
    title: null,
    scale: { domain: [0, measured.length], reverse: true, nice: false },
    axis: {
      values: measured.map((_, line) => line + 0.5),
      labelExpr: `${names}[floor(datum.value)]`,
      domain: false,
      ticks: false,
    },
  };
  return draw(title, (format) => ({
    width: format.labelled,
    height: measured.length * 46,
    layer: [
      {
        data: { values: bins },
        mark: { type: 'rect', color: 'var(--series-0)', opacity: 0.6 },
        encoding: {
          x: { ...quantitative, field: 'from', axis: { values: ticks(...x), format: '~g', grid: false } },
          x2: { field: 'to' },
          y: { ...y, field: 'top' },
          y2: { field: 'base' },
        },
      },
      {
        data: { values: marks },
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: {
          x: { ...quantitative, field: 'at' },
          y: { ...y, field: 'top' },
          y2: { field: 'base' },
          color: { condition: { test: "datum.quantile === 'p50'", value: INK }, value: 'var(--accent)' },
        },
      },
    ],
  }));
}

function histogram(line: number, samples: readonly number[], [low, high]: readonly [number, number]) {
  const step = Math.log(high / low) / BINS;
  const counts = new Map<number, number>();
  for (const sample of samples) {
    const bin = Math.floor(Math.log(sample / low) / step);
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([bin, count]) => ({
      from: low * Math.exp(step * bin),
      to: low * Math.exp(step * (bin + 1)),
      top: line + 0.5 - 0.42 * (count / most),
      base: line + 0.5 + 0.42 * (count / most),
    }));
}

/** Validation accuracy and validation loss by epoch, a line per trained stage. Empty when nothing was trained. */
export async function trainingCurves(stages: readonly StageReport[]): Promise<readonly Chart[]> {
  const trained = stages.filter((stage) => (stage.history?.length ?? 0) > 0);
  if (trained.length === 0) return [];
  const range = trained.map((_, i) => seriesColor(i));
  const values = trained.flatMap(({ name, history }) => history!.map((epoch) => ({ name, ...epoch })));
  const epochs = Math.max(...values.map(({ epoch }) => epoch));
  const curve = (field: 'validationAccuracy' | 'validationLoss', title: string, format: string) =>
    draw(
      `${title} by epoch: ${trained
        .map(({ name, history }) => `${name} ends at ${Number(history!.at(-1)![field].toPrecision(4))}`)
        .join(', ')}`,
      ({ half }) => ({
        width: half,
        height: 220,
        data: { values },
        encoding: {
          x: {
            field: 'epoch',
            type: 'quantitative',
            title: 'epoch',
            scale: { domain: [Math.min(...values.map(({ epoch }) => epoch)), epochs], nice: false },
            axis: { tickMinStep: 1, tickCount: Math.min(epochs, 8), format: 'd', grid: false },
          },
          y: { field, type: 'quantitative', title: null, scale: { zero: false }, axis: { format, tickCount: 5 } },
          color: {
            field: 'name',
            type: 'nominal',
            sort: null,
            scale: { domain: trained.map(({ name }) => name), range },
            legend: { orient: 'bottom', title: null, columns: 2, symbolType: 'stroke', symbolStrokeWidth: 3 },
          },
        },
        layer: [
          { mark: { type: 'line', strokeWidth: 2 } },
          { transform: [{ filter: 'datum.best' }], mark: { type: 'circle', size: 60, opacity: 1 } },
        ],
      }),
    );
  return [
    await curve('validationAccuracy', 'Validation accuracy', '.1%'),
    await curve('validationLoss', 'Validation loss', '~g'),
  ];
}

/** The steps 1, 2, 5 × 10ⁿ between two bounds. */
function ticks(low: number, high: number): readonly number[] {
  const values: number[] = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent++) {
    for (const step of [1, 2, 5]) {
      const value = Number(`${step}e${exponent}`);
      if (value >= low && value <= high) values.push(value);
    }
  }
  return values;
}

async function draw(title: string, spec: (format: Format) => Spec): Promise<Chart> {
  return { title, wide: await toSvg(spec(WIDE), title), narrow: await toSvg(spec(NARROW), title) };
}

const CONFIG = {
  aria: false,
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    labelColor: MUTED,
    titleColor: MUTED,
    titleFontWeight: 400,
    labelFontSize: 12.5,
    titleFontSize: 12.5,
    titlePadding: 10,
    gridColor: GRID,
    domainColor: GRID,
    tickColor: GRID,
    labelPadding: 6,
    labelLimit: 170,
  },
  legend: { labelColor: INK, labelFontSize: 12, symbolSize: 200, labelLimit: 140 },
};

/** Compiles a vega-lite spec to an SVG string that scales with its container and refers to nothing outside. */
async function toSvg(spec: Spec, title: string): Promise<string> {
  resetSVGDefIds();
  const compiled = compile({
    ...spec,
    config: CONFIG,
    autosize: { type: 'pad' },
    padding: 4,
  } as unknown as TopLevelSpec);
  const view = new View(parse(compiled.spec), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    const label = title.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
    return svg
      .replace(
        /^<svg[^>]*?(width="[\d.]+") (height="[\d.]+") (viewBox="[^"]+")>/,
        (_, width: string, __, box: string) => {
          const natural = width.replace(/[^\d.]/g, '');
          return `<svg role="img" aria-label="${label}" style="max-width:${natural}px" ${box}><title>${label}</title>`;
        },
      )
      .replace(/<defs>.*?<\/defs>/g, '')
      .replace(/<path class="(?:fore|back)ground"[^>]*\/>/g, '')
      .replace(/<[a-z][^>]*>/g, tidyTag);
  } finally {
    view.finalize();
  }
}

/** Drops what a drawing behind `role="img"` does not need, and rounds coordinates to a hundredth of a pixel. */
function tidyTag(tag: string): string {
  if (tag.startsWith('<svg')) return tag;
  return tag
    .replace(
      / (?:role|aria-roledescription|aria-hidden|pointer-events|font-family|clip-path)="[^"]*"| opacity="1"/g,
      '',
    )
    .replace(/ (?:d|transform|x2|y2|x|y)="[^"]*"/g, (attribute) =>
      attribute.replace(/\d+\.\d{3,}/g, (number) => String(Math.round(Number(number) * 100) / 100)),
    );
}
