import { SlmError } from '@slm-compress/onnx';
import type { Architecture } from './architecture.ts';
import { bert } from './bert/architecture.ts';
import type { BertConfig } from './bert/config.ts';
import { distilBert } from './bert/distilbert.ts';

const rows: readonly Architecture<BertConfig>[] = [bert, distilBert];

/** Architectures that classify texts, by `model_type`. */
export const classifierArchitectures: ReadonlyMap<string, Architecture<BertConfig>> = new Map(
  rows.map((row) => [row.modelType, row]),
);

/** The architecture that a `config.json` names. Throws SlmError `CONFIG_INVALID`, the message starting with `where`. */
export function classifierArchitecture(json: unknown, where: string): Architecture<BertConfig> {
  const type = (json as { readonly model_type?: unknown } | null)?.model_type;
  const row = typeof type === 'string' ? classifierArchitectures.get(type) : undefined;
  if (row !== undefined) return row;
  const known = [...classifierArchitectures.keys()].map((name) => `"${name}"`).join(' or ');
  throw new SlmError('CONFIG_INVALID', `${where}: model_type must be ${known}, got ${JSON.stringify(type)}`);
}
