import { encodeModel, type Model } from '@slm-compress/onnx';
import { sha256 } from '../sha256.ts';

/** SHA-256, in hex, of the bytes that `writeModel` would write. */
export function modelDigest(model: Model): string {
  return sha256(encodeModel(model));
}
