import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluateReference, int64, type Model } from '@slm-compress/onnx';
import { loadTokenizer, pruneVocabulary, readTokenizerFiles, trainTokenizer } from '@slm-compress/text';
import { toHfConfig } from '@slm-compress/trainer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededClassifier } from '../../test/zoo.ts';
import { readModelFolder, writeModelFolder } from '../folder/model-folder.ts';
import { pruneModelFolder } from './prune-model-folder.ts';

const texts = ['the card has not arrived', 'where is the other card', 'cards and more cards', 'it arrived here'];
const [source, target] = ['source', 'target'].map((name) => () => join(root, name)) as [() => string, () => string];
let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'prune-folder-'));
  const tokenizer = await trainTokenizer(texts, { kind: 'wordpiece', vocabSize: 70, minFrequency: 1, maxLength: 32 });
  const { model, config } = seededClassifier({ hiddenSize: 32, heads: 1, layers: 1, vocabSize: tokenizer.vocabSize });
  await writeModelFolder(source(), {
    model,
    config: toHfConfig(config),
    tokenizer: tokenizer.files,
    card: '# Model\n',
  });
});
afterAll(() => rm(root, { recursive: true }));

it('a classifier with a pruned vocabulary gives the same logits for texts of the corpus, bit for bit', async () => {
  const corpus = texts.slice(0, 2);
  const from = await readModelFolder(source());
  const pruned = pruneVocabulary(await readTokenizerFiles(source()), corpus);
  const findings = await pruneModelFolder(from, target(), pruned);
  expect(findings).toHaveLength(1);
  const made = await readModelFolder(target());
  expect(made.config).toMatchObject({ vocab_size: pruned.keptIds.length, pad_token_id: 0 });
  expect(made.card).toMatch(
    new RegExp(`^# Model\\n\\n## Vocabulary\\n\\n${pruned.keptIds.length} of ${from.config.vocab_size} tokens`),
  );
  expect(pruned.keptIds.length).toBeLessThan(from.config.vocab_size as number);
  const logits = async (folder: string, model: Model, text: string) => {
    const { ids } = (await loadTokenizer(folder)).encode(text);
    const dims = [1, ids.length];
    const feeds = { input_ids: int64(ids, dims), attention_mask: int64(new Array(ids.length).fill(1), dims) };
    return evaluateReference(model, feeds).logits;
  };
  for (const text of corpus) {
    expect(await logits(target(), made.model, text)).toEqual(await logits(source(), from.model, text));
  }
});

it('refuses int8 models and configurations without a size', async () => {
  const from = await readModelFolder(source());
  const pruned = pruneVocabulary(await readTokenizerFiles(source()), texts);
  const int8 = { ...from, manifest: { ...from.manifest, file: 'onnx/model_quantized.onnx' } };
  await expect(pruneModelFolder(int8, target(), pruned)).rejects.toMatchObject({
    code: 'PRUNE_VOCABULARY',
    message: expect.stringContaining('expected an FP32 model, got an int8 one'),
  });
  await expect(pruneModelFolder({ ...from, config: {} }, target(), pruned)).rejects.toMatchObject({
    code: 'PRUNE_VOCABULARY',
    message: expect.stringContaining('expected vocab_size in config.json'),
  });
});
