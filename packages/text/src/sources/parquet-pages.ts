import { brotliDecompressSync, crc32, gunzipSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import type { ColumnMetaData, PageHeader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { compressors } from 'hyparquet-compressors';
import { readFully } from '../read-fully.ts';

/** A page with its bytes unpacked: of V2 pages the levels, which are never packed, then the values. */
export interface Page {
  readonly header: PageHeader;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bytes read from the file at once, so that many small pages cost one read. */
const windowBytes = 1 << 18;
/** A header holds the least and the greatest value of its page, which may be long texts. */
const headerBytes = 1 << 24;
const largestPage = 2 ** 30;

/**
 * The pages of a column chunk one after another; a page and a window of 256 KiB of the file are held. `onPage` hears the
 * unpacked bytes that a page says it has before it is unpacked.
 *
 * Throws Error for a chunk outside the file, a header that does not parse or whose lengths do not fit, a wrong checksum,
 * and a page that does not unpack to the length it says.
 */
export function* chunkPages(
  fd: number,
  fileBytes: number,
  meta: ColumnMetaData,
  onPage: (bytes: number) => void,
): Generator<Page> {
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  const end = start + Number(meta.total_compressed_size);
  if (!(start >= 4 && end >= start && end <= fileBytes)) {
    throw new Error(`a column from byte ${start} to ${end} of a file of ${fileBytes}`);
  }
  const bytesAt = fileWindow(fd, end);
  for (let at = start; at < end; ) {
    const { header, length } = readHeader(bytesAt, at, end);
    at += length;
    const { compressed_page_size: packed, uncompressed_page_size: unpacked } = header;
    if (!(packed >= 0 && packed <= end - at && unpacked >= 0 && unpacked <= largestPage)) {
      throw new Error(`a page of ${packed} bytes, ${unpacked} unpacked, with ${end - at} left in its column`);
    }
    onPage(unpacked);
    const bytes = bytesAt(at, packed);
    at += packed;
    if (header.type === 'INDEX_PAGE') continue;
    if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0) throw new Error('a page with a wrong checksum');
    yield { header, bytes: unpackPage(bytes, header, meta.codec) };
  }
}

type BytesAt = (at: number, length: number) => Uint8Array<ArrayBuffer>;

/** Reads a file forwards. What it gave stays as it is: a new window is a new buffer. */
function fileWindow(fd: number, end: number): BytesAt {
  let window: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  let windowAt = 0;
  return (at, length) => {
    if (at < windowAt || at + length > windowAt + window.length) {
      window = new Uint8Array(Math.min(end - at, Math.max(length, windowBytes)));
      windowAt = at;
      readFully(fd, window, at);
    }
    return window.subarray(at - windowAt, at - windowAt + length);
  };
}

function readHeader(
  bytesAt: BytesAt,
  at: number,
  end: number,
): { readonly header: PageHeader; readonly length: number } {
  for (let size = 1 << 12; ; size <<= 6) {
    const bytes = bytesAt(at, Math.min(size, end - at));
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
    try {
      const header = parquetHeader(reader);
      return { header, length: reader.offset };
    } catch (error) {
      // It may only have been cut off by the size read.
      if (bytes.length < size || size >= headerBytes) throw error;
    }
  }
}

function unpackPage(bytes: Uint8Array<ArrayBuffer>, header: PageHeader, codec: ColumnMetaData['codec']): Page['bytes'] {
  const v2 = header.data_page_header_v2;
  const size = header.uncompressed_page_size;
  if (header.type !== 'DATA_PAGE_V2' || v2 === undefined) return unpack(bytes, size, codec);
  const levels = v2.repetition_levels_byte_length + v2.definition_levels_byte_length;
  if (!(v2.repetition_levels_byte_length >= 0 && v2.definition_levels_byte_length >= 0 && levels <= bytes.length)) {
    throw new Error(`levels of ${levels} bytes in a page of ${bytes.length}`);
  }
  if (v2.is_compressed === false || codec === 'UNCOMPRESSED') return bytes;
  const page = new Uint8Array(size);
  page.set(bytes.subarray(0, levels));
  page.set(unpack(bytes.subarray(levels), size - levels, codec), levels);
  return page;
}

function unpack(bytes: Uint8Array<ArrayBuffer>, size: number, codec: ColumnMetaData['codec']): Page['bytes'] {
  if (codec === 'UNCOMPRESSED') return bytes;
  if (bytes.length === 0 && size === 0) return bytes;
  const page = unpackers[codec]?.(bytes, size);
  if (page === undefined) throw new Error(`a page packed as ${codec}, which is not supported`);
  if (page.length !== size) throw new Error(`a page that unpacks to ${page.length} bytes instead of ${size}`);
  return page as Page['bytes'];
}

const unpackers: Partial<Record<ColumnMetaData['codec'], (bytes: Uint8Array, size: number) => Uint8Array>> = {
  ...compressors,
  SNAPPY(bytes, size) {
    const declared = snappyLength(bytes);
    if (declared !== size) throw new Error(`a page that unpacks to ${declared} bytes instead of ${size}`);
    return compressors.SNAPPY!(bytes, size);
  },
  // Native, and bounded in what they put out.
  GZIP: (bytes, size) => gunzipSync(bytes, { maxOutputLength: Math.max(1, size) }),
  BROTLI: (bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, size) }),
  ZSTD: unzstd,
};

/** Compressed bytes handed to the zstd decoder at once: 128 KiB can come of 4 bytes, so this bounds what comes beyond `size`. */
const zstdSlice = 4096;

function unzstd(bytes: Uint8Array, size: number): Uint8Array {
  const page = new Uint8Array(size);
  let length = 0;
  const decoder = new Decompress((data) => {
    if (data.length > size - length) throw new Error(`a page that unpacks to more than ${size} bytes`);
    page.set(data, length);
    length += data.length;
  });
  for (let at = 0; at < bytes.length; at += zstdSlice) decoder.push(bytes.slice(at, at + zstdSlice));
  decoder.push(new Uint8Array(0), true);
  return page.subarray(0, length);
}

function snappyLength(bytes: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5 && i < bytes.length; i++) {
    length += (bytes[i]! & 0x7f) * 2 ** (7 * i);
    if (bytes[i]! < 0x80) break;
  }
  return length;
}
