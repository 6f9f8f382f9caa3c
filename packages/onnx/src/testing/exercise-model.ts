import { isDeepStrictEqual } from 'node:util';
import { checkModel } from '../check/check-model.ts';
import { isSlmError } from '../errors.ts';
import { decodeModel } from '../io/decode.ts';
import { encodeModel } from '../io/encode.ts';
import type { Model } from '../model.ts';
import { convertOpset } from '../opset/convert-opset.ts';
import { printModel } from '../print/print-graph.ts';
import { summarizeModel } from '../summarize-model.ts';
import { inferTypes } from '../types/infer.ts';

/** How far a serialized model came: not decoded, decoded but not well formed, or valid. */
export type Outcome = 'refused' | 'invalid' | 'valid';

/**
 * Decodes, checks, infers, prints, summarizes, converts, writes and reads a model of any origin. Every stage may refuse it with an
 * `SlmError`; what is decoded must be equal after writing and reading. Throws anything else that goes wrong.
 */
export function exerciseModel(bytes: Uint8Array): Outcome {
  let model: Model | undefined;
  if (!accepts(() => (model = decodeModel(bytes)))) return 'refused';
  const decoded = model!;
  const valid = accepts(() => checkModel(decoded));
  accepts(() => printModel(inferTypes(decoded)));
  accepts(() => printModel(decoded));
  accepts(() => summarizeModel(decoded));
  accepts(() => convertOpset().run(decoded));
  const again = decodeModel(encodeModel(decoded));
  if (!isDeepStrictEqual(again, decoded)) throw new Error('internal: not equal after writing and reading');
  return valid ? 'valid' : 'invalid';
}

/** False when an action throws an `SlmError` that is not about a bug of ours. */
function accepts(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (!isSlmError(error) || error.message.startsWith('internal:')) throw error;
    return false;
  }
}
