import protobuf from 'protobufjs/light.js';
import { SlmError } from '../errors.ts';
import type { UnknownFields } from '../model.ts';
import { type MessageName, messageType } from './schema.ts';
import { joinPieces, writeMessage } from './wire-writer.ts';

/** A decoded or to-be-encoded protobuf message: field name → value. */
export type Message = Record<string, unknown> & { $unknowns?: readonly Uint8Array[] };

/** A 64-bit integer as protobufjs reads it. */
export interface Long {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

/** Removes a field from a decoded message and returns it; `undefined` when it was not on the wire. */
export function take<T>(message: Message, field: string): T | undefined {
  if (!Object.hasOwn(message, field)) return undefined;
  const value = message[field] as T;
  delete message[field];
  return value;
}

/** Removes a repeated field and returns its entries, none when it was not on the wire. */
export function takeAll<T>(message: Message, field: string): readonly T[] {
  return take<readonly T[]>(message, field) ?? [];
}

/** What has not been taken from a message, as raw fields: `{unknown}` to spread into the model's object, or `{}`. */
export function rest(name: MessageName, message: Message): { unknown?: UnknownFields } {
  return hasRest(message) ? { unknown: [encodeMessage(name, message)] } : {};
}

/** True when a field was on the wire; a repeated one with at least one entry. */
export function isPresent(message: Message, field: string): boolean {
  const value = Object.hasOwn(message, field) ? message[field] : [];
  return !Array.isArray(value) || value.length > 0;
}

/** True when a message has fields that the schema does not know. */
export function hasUnknown(message: Message): boolean {
  return message.$unknowns !== undefined && message.$unknowns.length > 0;
}

/** True when a message still has a field, known or unknown. */
export function hasRest(message: Message): boolean {
  if (hasUnknown(message)) return true;
  return Object.keys(message).some((field) => isPresent(message, field));
}

/**
 * Decodes one message, fields that the schema does not know included; byte fields are views.
 * Throws `ONNX_CORRUPT`, `${expected}, got bytes that are none`.
 */
export function decodeMessage(name: MessageName, bytes: Uint8Array, expected: string): Message {
  try {
    const reader = protobuf.Reader.create(plainBytes(bytes));
    reader.discardUnknown = false;
    return messageType(name).decode(reader) as unknown as Message;
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new SlmError('ONNX_CORRUPT', `${expected}, got bytes that are none (${got})`, { cause });
  }
}

/** Serializes one message. */
export function encodeMessage(name: MessageName, message: Message): Uint8Array {
  return joinPieces(writeMessage(name, message));
}

/** The same bytes as a Uint8Array proper, never a Buffer. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The message with the fields whose value is not `undefined`, followed by raw `unknown` fields. */
export function compose(fields: Record<string, unknown>, unknown?: UnknownFields): Message {
  const message: Message = {};
  for (const [field, value] of Object.entries(fields)) if (value !== undefined) message[field] = value;
  if (unknown !== undefined && unknown.length > 0) message.$unknowns = unknown;
  return message;
}

/** An int64 field as a number when exact, else as a BigInt. */
export function fromLong(long: Long): number | bigint {
  const value = long.high * 2 ** 32 + (long.low >>> 0);
  return Number.isSafeInteger(value) ? value : bigIntOf(long);
}

/** A 64-bit field as a BigInt. */
export function bigIntOf(long: Long): bigint {
  const bits = (BigInt(long.high) << 32n) | BigInt(long.low >>> 0);
  return long.unsigned ? BigInt.asUintN(64, bits) : bits;
}

/** An int64 field value. Throws `ONNX_INVALID` for fractions, unsafe numbers and integers beyond 64 bits. */
export function toLong(value: number | bigint, where: string): Long {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw new SlmError('ONNX_INVALID', `${where}: expected an integer, got ${value} (use a BigInt beyond 2^53)`);
    }
    return { low: value | 0, high: Math.floor(value / 2 ** 32) | 0, unsigned: false };
  }
  if (BigInt.asIntN(64, value) !== value) {
    throw new SlmError('ONNX_INVALID', `${where}: expected an integer of 64 bits, got ${value}`);
  }
  return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: false };
}

/** A dimension or count field: a non-negative safe integer, else `ONNX_CORRUPT`. */
export function toSize(long: Long, where: string): number {
  const value = fromLong(long);
  if (typeof value === 'bigint' || value < 0) throw corrupt(where, 'a non-negative size', String(value));
  return value;
}

/** An `ONNX_CORRUPT` error: *where: expected, got*. */
export function corrupt(where: string, expected: string, got: string): SlmError {
  return new SlmError('ONNX_CORRUPT', `${where}: expected ${expected}, got ${got}`);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes, `undefined` when they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** UTF-8 bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * Takes a repeated StringStringEntryProto field as a record. Entries that a record cannot hold (a key twice, fields of
 * a newer schema) stay in the message.
 */
export function takeEntries(message: Message, field: string): Record<string, string> {
  const entries = new Map<string, string>();
  const kept: Message[] = [];
  for (const entry of takeAll<Message>(message, field)) {
    const { key = '', value = '', ...others } = entry as { key?: string; value?: string };
    const unknown = (entry.$unknowns?.length ?? 0) > 0;
    if (entries.has(key) || key === '__proto__' || unknown || Object.keys(others).length > 0) kept.push(entry);
    else entries.set(key, value);
  }
  if (kept.length > 0) message[field] = kept;
  return Object.fromEntries(entries);
}

/** The reverse of {@link takeEntries}, by key; `undefined` for an empty or absent record. */
export function toEntries(record: Readonly<Record<string, string>> | undefined): readonly Message[] | undefined {
  const entries = sortedEntries(record ?? {});
  return entries.length === 0 ? undefined : entries.map(([key, value]) => ({ key, value }));
}

/** Entries of a record in the order of the keys' UTF-16 code units. */
export function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
