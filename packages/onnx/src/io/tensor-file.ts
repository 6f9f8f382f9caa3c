import protobuf from 'protobufjs/light.js';
import { SlmError } from '../errors.ts';
import type { Tensor } from '../model.ts';
import type { Message } from './message.ts';
import * as message from './message.ts';
import { messageType } from './schema.ts';
import { decodeTensor, encodeTensor } from './tensor.ts';

/**
 * Reads a serialized TensorProto: the `.pb` files that test data of ONNX models come in.
 * Throws `ONNX_CORRUPT` for other bytes.
 */
export function decodeTensorFile(bytes: Uint8Array, where = 'tensor'): Tensor {
  try {
    const reader = protobuf.Reader.create(message.plainBytes(bytes));
    const proto = messageType('TensorProto').decode(reader) as unknown as Message;
    return decodeTensor(proto, where, () => {
      throw message.corrupt(where, 'data inside the file', 'external data');
    });
  } catch (error) {
    if (error instanceof SlmError) throw error;
    throw message.corrupt(where, 'a serialized TensorProto', `bytes that are none (${(error as Error).message})`);
  }
}

/** A tensor as a serialized TensorProto. Throws `ONNX_INVALID` for data that does not fit the shape. */
export function encodeTensorFile(tensor: Tensor): Uint8Array {
  return message.encodeMessage('TensorProto', encodeTensor(tensor, undefined, 'tensor'));
}
