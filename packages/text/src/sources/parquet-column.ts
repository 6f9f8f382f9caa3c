import type { ColumnMetaData, DecodedArray, RowGroup, SchemaTree } from 'hyparquet';
import { assembleNested } from 'hyparquet/src/assemble.js';
import { readPage } from 'hyparquet/src/column.js';
import { convert } from 'hyparquet/src/convert.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from 'hyparquet/src/schema.js';
import { chunkPages, type Page } from './parquet-pages.ts';
import { columnParsers, decodedAs, RepairedText, textOfBytes } from './parquet-values.ts';

type ColumnDecoder = Parameters<typeof readPage>[2];

/** Where the pages of a row group are read from. */
export interface PageSource {
  readonly fd: number;
  readonly fileBytes: number;
  /** Hears the unpacked bytes of a page before it is decoded. */
  readonly onPage: (bytes: number) => void;
}

/** A top-level column of a row group, decoded a page at a time. */
export interface RowGroupColumn {
  /** Rows decoded and not taken, complete ones only. */
  available(): number;
  /** Decodes a page, or more until a row is complete; false when there is none. */
  more(): boolean;
  /** The next `count` rows. Rows of which a text was not UTF-8 are put into `repaired`, as their index. */
  take(count: number, repaired: Set<number>): readonly unknown[];
}

/** Values in a page; more are taken for damage. Text pages have some 20,000. */
const mostValues = 2 ** 26;
/** Values that a bit-packed run may have beyond the last one: it comes in groups of 8, at most 63 by most writers. */
const packedSlack = 504;

/**
 * Opens a column of a row group. Throws Error, also later, for damage: what `chunkPages` throws, levels or runs that do not fit
 * their page, and other numbers of rows than the row group says.
 */
export function openRowGroupColumn(
  source: PageSource,
  group: RowGroup,
  tree: SchemaTree,
  name: string,
): RowGroupColumn {
  const child = tree.children.find(({ element }) => element.name === name)!;
  const rowCount = Number(group.num_rows);
  const leaves = group.columns
    .filter((chunk) => chunk.meta_data?.path_in_schema[0] === name)
    .map((chunk) => {
      if (chunk.file_path) throw new Error('a column in another file, which is not supported');
      return openLeaf(source, chunk.meta_data!, tree, rowCount);
    });
  if (leaves.length === 0) throw new Error(`no data of the column "${name}"`);
  const available = () => Math.min(...leaves.map((leaf) => leaf.available()));
  return {
    available,
    more() {
      const before = available();
      while (available() === before) {
        const shortest = leaves.reduce((a, b) => (b.available() < a.available() ? b : a));
        if (!shortest.more()) return available() > before;
      }
      return true;
    },
    take(count, repaired) {
      const parts = new Map<string, DecodedArray>(leaves.map((leaf) => [leaf.path, leaf.take(count)]));
      if (child.children.length > 0) assembleNested(parts, child, columnParsers(child.element));
      const values = parts.get(child.path.join('.'));
      if (values?.length !== count) throw new Error(`nested values of ${values?.length} rows instead of ${count}`);
      return Array.from(values as unknown[], (value, row) => plainValue(value, () => repaired.add(row)));
    },
  };
}

interface Leaf {
  readonly path: string;
  available(): number;
  more(): boolean;
  take(count: number): unknown[];
}

function openLeaf(source: PageSource, meta: ColumnMetaData, tree: SchemaTree, rowCount: number): Leaf {
  const schemaPath = getTreePath(tree, meta.path_in_schema);
  const { element } = schemaPath.at(-1)!;
  const levels: Levels = {
    repetition: getMaxRepetitionLevel(schemaPath),
    definition: getMaxDefinitionLevel(schemaPath),
  };
  const decoder = {
    ...meta,
    pathInSchema: meta.path_in_schema,
    schemaPath,
    element: decodedAs(element),
    codec: 'UNCOMPRESSED',
    parsers: columnParsers(element),
    // Bytes that no one says are text: `plainValue` looks at them.
    utf8: false,
  } as ColumnDecoder;
  const pages = chunkPages(source.fd, source.fileBytes, meta, source.onPage);
  let dictionary: DecodedArray | undefined;
  let rows: unknown[] = [];
  let at = 0;
  let total = 0;
  let valuesLeft = levels.repetition > 0 ? Number(meta.num_values) : rowCount;
  let done = rowCount === 0;
  const repeated = levels.repetition > 0;
  const add = (page: Page): void => {
    const count = valueCount(page);
    if (!(count >= 0 && count <= mostValues && count <= valuesLeft)) {
      throw new Error(`a page of ${count} values where at most ${Math.min(mostValues, valuesLeft)} can be`);
    }
    if (count === 0) return;
    valuesLeft -= count;
    checkLevels(page, count, levels, meta);
    if (at > 0) {
      rows = rows.slice(at);
      at = 0;
    }
    const before = rows.length;
    const { data } = decodePage(page, decoder, dictionary, repeated ? (rows as DecodedArray) : undefined);
    if (data === undefined || (!repeated && data.length !== count)) {
      throw new Error(`a page of ${data?.length} values instead of ${count}`);
    }
    if (!repeated) rows = before === 0 && Array.isArray(data) ? data : rows.concat(Array.from(data as unknown[]));
    total += rows.length - before;
  };
  return {
    path: meta.path_in_schema.join('.'),
    // The last row of a list may go on in the next page.
    available: () => rows.length - at - (repeated && !done && rows.length > at ? 1 : 0),
    more() {
      if (done) return false;
      const { value: page } = pages.next() as { value: Page | undefined };
      if (page?.header.type === 'DICTIONARY_PAGE') dictionary = decodeDictionary(page, decoder);
      else if (page !== undefined) add(page);
      if (total > rowCount || (page === undefined && total < rowCount)) {
        throw new Error(`${total} rows of "${meta.path_in_schema.join('.')}"`);
      }
      done = page === undefined || (total === rowCount && !repeated);
      return true;
    },
    take(count) {
      const taken = rows.slice(at, at + count);
      at += count;
      return taken;
    },
  };
}

function valueCount({ header }: Page): number {
  const page = header.data_page_header ?? header.data_page_header_v2;
  if (page === undefined) throw new Error(`a page of the kind ${header.type}`);
  return page.num_values;
}

function decodePage(page: Page, decoder: ColumnDecoder, dictionary?: DecodedArray, previous?: DecodedArray) {
  const { header, bytes } = page;
  const { data_page_header_v2: v2 } = header;
  const plain = {
    ...header,
    compressed_page_size: bytes.length,
    ...(v2 && { data_page_header_v2: { ...v2, is_compressed: false } }),
  };
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
  return readPage(reader, plain, decoder, dictionary, previous, 0);
}

function decodeDictionary(page: Page, decoder: ColumnDecoder): DecodedArray {
  const count = page.header.dictionary_page_header?.num_values ?? -1;
  if (!(count >= 0 && count <= page.bytes.length)) {
    throw new Error(`a dictionary of ${count} values in ${page.bytes.length} bytes`);
  }
  return convert(decodePage(page, decoder).data!, decoder);
}

interface Levels {
  readonly repetition: number;
  readonly definition: number;
}

/** hyparquet decodes runs of any length: those that do not fit their page are found here. */
function checkLevels({ header, bytes }: Page, count: number, levels: Levels, meta: ColumnMetaData): void {
  const { data_page_header: v1, data_page_header_v2: v2 } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const section = (length: number | undefined, width: number, exact: boolean): void => {
    if (length === undefined) {
      length = view.getUint32(at, true);
      at += 4;
    }
    if (length > bytes.length - at) throw new Error(`levels of ${length} bytes in a page of ${bytes.length}`);
    checkRuns(bytes.subarray(at, at + length), width, count, exact);
    at += length;
  };
  if (levels.repetition > 0) section(v2?.repetition_levels_byte_length, bitWidth(levels.repetition), true);
  if (levels.definition > 0) section(v2?.definition_levels_byte_length, bitWidth(levels.definition), true);
  if (v2) {
    at = v2.repetition_levels_byte_length + v2.definition_levels_byte_length;
    if (!(v2.num_nulls >= 0 && v2.num_nulls <= count)) throw new Error(`${v2.num_nulls} nulls of ${count} values`);
  }
  const encoding = (v1 ?? v2)!.encoding;
  if (meta.type === 'BOOLEAN' && encoding === 'RLE') section(undefined, 1, false);
  else if (encoding === 'RLE' || encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY') {
    if (at < bytes.length) checkRuns(bytes.subarray(at + 1), bytes[at]!, count, false);
  }
}

/**
 * Throws when a run has more values than are left of `count`, or, with `exact`, when there are fewer in all.
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 */
function checkRuns(bytes: Uint8Array, width: number, count: number, exact: boolean): void {
  if (width > 32) throw new Error(`values of ${width} bits`);
  let seen = 0;
  for (let at = 0; seen < count && at < bytes.length; ) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new Error('a run without a length');
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const packed = header % 2 === 1;
    const run = Math.floor(header / 2) * (packed ? 8 : 1);
    if (run > count - seen + (packed ? packedSlack : 0)) {
      throw new Error(`a run of ${run} values where ${count - seen} are left`);
    }
    at += packed ? (run * width) / 8 : (width + 7) >> 3;
    seen += run;
  }
  if (exact && seen < count) throw new Error(`levels of ${seen} values instead of ${count}`);
}

function bitWidth(largest: number): number {
  return 32 - Math.clz32(largest);
}

/** A value with texts for bytes, and without {@link RepairedText}. */
function plainValue(value: unknown, onRepaired: () => void): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return plainValue(textOfBytes(value), onRepaired);
  if (value instanceof RepairedText) {
    onRepaired();
    return value.text;
  }
  if (Array.isArray(value)) return value.map((item) => plainValue(item, onRepaired));
  if (value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainValue(item, onRepaired)]));
}
