import { describeText, describeValueInfo, type InputSizes } from '@slm-compress/onnx';
import Table from 'cli-table3';
import pc from 'picocolors';
import type { Inspection } from './inspection.ts';
import { formatBytes } from './output.ts';
import { percent } from './report/wording.ts';

/** Rows of the table of layers when nobody says how many. */
const LAYERS = 60;

/** An inspection for the terminal: tables of at most `top` rows. */
export function inspectionText(inspection: Inspection, top?: number): string {
  const sections = [head(inspection), operators(inspection, top), layers(inspection, top), largest(inspection)];
  return [...sections, notes(inspection)].filter((section) => section !== '').join('\n\n');
}

function head(inspection: Inspection): string {
  const { file, fileBytes, externalBytes, parameters, irVersion, opsets, producer, inputs, outputs } = inspection;
  const versions = Object.entries(opsets).map(([domain, version]) => `${domain === '' ? 'opset' : domain} ${version}`);
  const external = externalBytes > 0 ? ` and ${formatBytes(externalBytes)} of external data` : '';
  const width = Math.min(48, Math.max(0, ...[...inputs, ...outputs].map(({ name }) => name.length)));
  const values = (list: Inspection['inputs']) =>
    list.map((info) => `  ${info.name.padEnd(width)}  ${describeValueInfo(info)}`);
  const types = Object.entries(inspection.bytesByType).sort(([, a], [, b]) => b - a);
  return [
    `${pc.bold(file)}  ${formatBytes(fileBytes)}${external}  ${count(parameters)} parameters`,
    [`IR ${irVersion}`, ...versions, ...(producer === '' ? [] : [`by ${producer}`])].join(' · '),
    `inputs\n${values(inputs).join('\n') || '  none'}`,
    `outputs\n${values(outputs).join('\n') || '  none'}`,
    ...(types.length === 0
      ? []
      : [`weights  ${types.map(([type, bytes]) => `${type} ${formatBytes(bytes)}`).join(', ')}`]),
  ].join('\n');
}

function operators({ operators: counts, nodes }: Inspection, top?: number): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, top);
  const others = sorted.length - shown.length;
  const list = shown.map(([name, times]) => `${times} ${name}`);
  return wrap(`${pc.bold(`${count(nodes)} nodes`)}  `, [...list, ...(others > 0 ? [`${others} other operators`] : [])]);
}

function layers(
  { layers: all, bytes, multiplyAdds, uncountedReason, uncounted, dims }: Inspection,
  top?: number,
): string {
  if (all.length === 0) return '';
  const shown = all.slice(0, top ?? LAYERS);
  const rows = shown.map((layer) => [
    layer.name || '(no layer)',
    count(layer.nodes),
    count(layer.parameters),
    formatBytes(layer.bytes),
    bytes === 0 ? '' : percent(layer.bytes / bytes, 1),
    ...(multiplyAdds === undefined
      ? []
      : [
          formatCount(layer.multiplyAdds ?? 0),
          multiplyAdds === 0 ? '' : percent((layer.multiplyAdds ?? 0) / multiplyAdds, 1),
        ]),
  ]);
  const work = multiplyAdds === undefined ? [] : ['multiply-adds', ''];
  const unknown = Object.entries(uncounted).map(([name, times]) => `${times} ${name}`);
  const total =
    multiplyAdds === undefined
      ? `multiply-adds are not known${uncountedReason === undefined ? '' : `: ${uncountedReason}`}`
      : `${formatCount(multiplyAdds)} multiply-adds ${describeSizes(dims)}`;
  return [
    table(['layer', 'nodes', 'parameters', 'bytes', '', ...work], rows),
    ...(shown.length < all.length ? [`and ${all.length - shown.length} more (--top ${all.length})`] : []),
    multiplyAdds !== undefined && unknown.length > 0 ? `${total}, without those of ${unknown.join(', ')}` : total,
  ].join('\n');
}

function largest({ largest: rows }: Inspection): string {
  if (rows.length === 0) return '';
  return table(
    ['largest weights', 'type', 'bytes', '', 'layer'],
    rows.map(({ name, type, dims, bytes, share, layer }) => [
      name,
      `${type}[${dims.join(',')}]`,
      formatBytes(bytes),
      percent(share, 1),
      layer,
    ]),
    [2, 3],
  );
}

function notes({ functions, subgraphs, metadata }: Inspection): string {
  const lines: string[] = [];
  if (functions.length > 0) {
    lines.push(
      wrap(
        'functions  ',
        functions.map(({ name, nodes }) => `${name} (${count(nodes)} nodes)`),
      ),
    );
  }
  if (subgraphs.count > 0) lines.push(`subgraphs  ${count(subgraphs.count)}, at most ${subgraphs.depth} deep`);
  for (const [name, value] of Object.entries(metadata)) lines.push(`metadata   ${name}  ${describeText(value)}`);
  return lines.join('\n');
}

/** `at batch 1, sequence 128`, or `a run` where all sizes are fixed. */
export function describeSizes(dims: InputSizes): string {
  const sizes = Object.entries(dims);
  return sizes.length === 0 ? 'a run' : `at ${sizes.map(([name, size]) => `${name} ${size}`).join(', ')}`;
}

/** `1.23 G`, `45.6 M`, `7.89 k`, `12`. */
export function formatCount(value: number): string {
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return String(value);
}

/** Rows without lines between them; all columns but the first, or those named, are flush right. */
export function table(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  right?: readonly number[],
): string {
  const none = '';
  const made = new Table({
    head: titles.map((title) => pc.bold(title)),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: titles.map((_, column) => ((right?.includes(column) ?? column > 0) ? 'right' : 'left')),
    chars: {
      top: none,
      'top-mid': none,
      'top-left': none,
      'top-right': none,
      bottom: none,
      'bottom-mid': none,
      'bottom-left': none,
      'bottom-right': none,
      left: none,
      'left-mid': none,
      mid: none,
      'mid-mid': none,
      right: none,
      'right-mid': none,
      middle: none,
    },
  });
  for (const row of rows) made.push([...row]);
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en');
}

/** A list after a title, in lines of some 110 characters. */
function wrap(title: string, items: readonly string[]): string {
  const lines: string[] = [];
  let line = title;
  for (const [index, item] of items.entries()) {
    const text = index === items.length - 1 ? item : `${item}, `;
    if (line.length + text.length > 120 && line.trim() !== '') {
      lines.push(line.trimEnd());
      line = '  ';
    }
    line += text;
  }
  return [...lines, line.trimEnd()].join('\n');
}
