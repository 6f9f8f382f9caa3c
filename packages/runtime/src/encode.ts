import { encodeModel, type Model } from '@slm-compress/onnx';

/** A model as ONNX Runtime takes it: a path stays a path, bytes stay bytes, a model is encoded. */
export function encodeSource(model: Model | string | Uint8Array): string | Uint8Array {
  if (typeof model === 'string' || model instanceof Uint8Array) return model;
  return encodeModel(model);
}
