import { SlmError, type Tensor } from '@slm-compress/onnx';
import { type DecoderConfig, validateDecoderConfig } from './decoder-config.ts';
import { fromStoredDecoder, toStoredDecoder } from './decoder-weights.ts';
import type { DecoderFamily } from './family.ts';
import { gptNeo } from './gpt-neo.ts';
import { gpt2 } from './gpt2.ts';
import { llama, mistral, qwen2 } from './llama.ts';
import { checkRotary } from './rotary.ts';

/** Decoders by the `model_type` of their `config.json`. */
const families = { gpt2, gpt_neo: gptNeo, llama, mistral, qwen2 } as const satisfies Record<string, DecoderFamily>;

export type DecoderType = keyof typeof families;

/** Whether a `model_type` is that of a decoder. */
export function isDecoderType(type: unknown): type is DecoderType {
  return typeof type === 'string' && Object.hasOwn(families, type);
}

/** A `config.json` of a decoder, read. */
export interface StoredDecoder {
  readonly type: DecoderType;
  readonly config: DecoderConfig;
}

/**
 * Reads the `config.json` of a GPT-2, GPT-Neo, Llama, Mistral or Qwen2 model. Throws `CONFIG_INVALID`, the message starting
 * with `where`, for another architecture or a field out of its range.
 */
export function fromHfDecoderConfig(json: unknown, where = 'config.json'): StoredDecoder {
  const type = (json as { readonly model_type?: unknown } | null)?.model_type;
  if (!isDecoderType(type)) {
    const known = Object.keys(families).join(', ');
    throw new SlmError('CONFIG_INVALID', `${where}: model_type must be one of ${known}, got ${JSON.stringify(type)}`);
  }
  const read = families[type].schema.safeParse(json);
  if (!read.success) {
    const issue = read.error.issues[0]!;
    throw new SlmError('CONFIG_INVALID', `${where}: ${issue.path.join('.')}: ${issue.message}`);
  }
  if (read.data.rotary) checkRotary(read.data.rotary, where);
  return { type, config: validateDecoderConfig(read.data, where) };
}

/** The `config.json` of a decoder. Throws `CONFIG_INVALID` for what models of this type are not. */
export function toHfDecoderConfig({ type, config }: StoredDecoder): Record<string, unknown> {
  validateDecoderConfig(config);
  const { className, write } = families[type];
  const fields = write(config);
  const again = fields && families[type].schema.safeParse(JSON.parse(JSON.stringify(fields)));
  if (!again?.success || JSON.stringify(sorted(again.data)) !== JSON.stringify(sorted(config))) {
    throw new SlmError('CONFIG_INVALID', `model config: expected what a ${type} model can be, got another decoder`);
  }
  return { architectures: [className], model_type: type, ...fields };
}

/**
 * A decoder's parameters from tensors under Hugging Face's names, with or without the prefix of the whole model; buffers and
 * the copy of a tied head are left aside. Throws `WEIGHTS_MISMATCH`.
 */
export function fromHfDecoderWeights({ type, config }: StoredDecoder, stored: ReadonlyMap<string, Tensor>) {
  const { names, prefix } = families[type];
  return fromStoredDecoder(config, stored, names, prefix);
}

/** The inverse of {@link fromHfDecoderWeights}; a tied head is not stored twice. Throws `WEIGHTS_MISMATCH`. */
export function toHfDecoderWeights({ type, config }: StoredDecoder, weights: ReadonlyMap<string, Tensor>) {
  return toStoredDecoder(config, weights, families[type].names);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]));
}
