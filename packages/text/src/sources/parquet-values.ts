import type { ParquetParsers, SchemaElement } from 'hyparquet';
import { decodeText } from '../charset.ts';

/** A text whose bytes were not UTF-8 and whose charset was guessed. */
export class RepairedText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The text of bytes; a {@link RepairedText} when they are not UTF-8. */
export function textOfBytes(bytes: Uint8Array): string | RepairedText {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  // The replacement character is the rare case: it is in the text, or the bytes are not UTF-8.
  if (!text.includes('\ufffd')) return text;
  const decoded = decodeText(bytes);
  return decoded.charset === 'utf8' ? decoded.text : new RepairedText(decoded.text);
}

/**
 * How values of a column become what a row holds: texts as {@link textOfBytes}, dates as `2024-01-31`, points in time as
 * `2024-01-31T10:00:00.5Z` with as many digits as are not zero, decimals as exact text (`12.30`).
 */
export function columnParsers(element: SchemaElement): ParquetParsers {
  const text = (bytes: Uint8Array | undefined) => bytes && textOfBytes(bytes);
  return {
    stringFromBytes: text,
    jsonFromBytes: text,
    timestampFromMilliseconds: (millis: bigint) => timeText(BigInt(millis), 3),
    timestampFromMicroseconds: (micros: bigint) => timeText(BigInt(micros), 6),
    timestampFromNanoseconds: (nanos: bigint) => timeText(BigInt(nanos), 9),
    dateFromDays: isDecimal(element)
      ? (unscaled: number | bigint | Uint8Array) => decimalText(wholeNumber(unscaled), element.scale ?? 0)
      : (days: number) => dateText(days),
    geometryFromBytes: text,
    geographyFromBytes: text,
    uuidFromBytes: (bytes: Uint8Array | undefined) =>
      bytes &&
      Buffer.from(bytes)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  } as unknown as ParquetParsers;
}

/** The element to decode by: hyparquet makes decimals floating point, so they take its way of dates, which can be set. */
export function decodedAs(element: SchemaElement): SchemaElement {
  if (!isDecimal(element)) return element;
  const { logical_type: _, ...rest } = element;
  return { ...rest, converted_type: 'DATE' };
}

function isDecimal(element: SchemaElement): boolean {
  return element.converted_type === 'DECIMAL' || element.logical_type?.type === 'DECIMAL';
}

function wholeNumber(value: number | bigint | Uint8Array): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value);
  if (value.length === 0) return 0n;
  return BigInt.asIntN(8 * value.length, BigInt(`0x${Buffer.from(value).toString('hex')}`));
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function dateText(days: number): string {
  return isoDate(days * 86_400_000).replace(/T.*$/, '');
}

function timeText(units: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const fraction = ((units % perSecond) + perSecond) % perSecond;
  const seconds = isoDate(Number((units - fraction) / perSecond) * 1000).replace(/\.000Z$/, '');
  const shown = String(fraction).padStart(digits, '0').replace(/0+$/, '');
  return `${seconds}${shown === '' ? '' : `.${shown}`}Z`;
}

function isoDate(milliseconds: number): string {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) throw new Error(`a date out of range, ${milliseconds} ms`);
  return date.toISOString();
}
