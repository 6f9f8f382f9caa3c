import { createHash } from 'node:crypto';
import { encodeModel, type Model } from '@slm-compress/onnx';

/** SHA-256, in hex, of the bytes that `writeModel` would write. */
export function modelDigest(model: Model): string {
  return createHash('sha256').update(encodeModel(model)).digest('hex');
}
