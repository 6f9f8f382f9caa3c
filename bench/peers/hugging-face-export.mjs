// Writes DIR/{bert,distilbert}: models exported for transformers, with ids, mask and ONNX Runtime's logits in check.safetensors.
// Then: python bench/peers/hugging-face-export.py DIR
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportHuggingFace, writeModelFolder } from '@slm-compress/compress';
import { createRng, float32, int64 } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { trainTokenizer } from '@slm-compress/text';
import { bertWeights, buildBertClassifier, toHfConfig, writeSafetensors } from '@slm-compress/trainer';

const [out] = process.argv.slice(2);
await mkdir(out, { recursive: true });
const scratch = await mkdtemp(join(tmpdir(), 'export-'));
const tokenizer = await trainTokenizer(['the card has not arrived', 'cards and more cards'], {
  kind: 'wordpiece',
  vocabSize: 60,
  minFrequency: 1,
  maxLength: 16,
});
for (const modelType of ['bert', 'distilbert']) {
  const config = {
    modelType,
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    layers: 3,
    heads: 4,
    headSize: 8,
    intermediateSize: 48,
    maxPositions: 16,
    labels: ['a', 'b', 'c'],
    dropout: 0.1,
  };
  const rng = createRng(5);
  const drawn = bertWeights(buildBertClassifier(config, { rng }));
  const wider = ([name, { data, dims }]) => [
    name,
    float32(
      Float32Array.from(data, (x) => x + rng.normal() * 0.1),
      dims,
    ),
  ];
  const model = buildBertClassifier(config, new Map([...drawn].map(wider)));
  const folder = join(scratch, modelType);
  await writeModelFolder(folder, { model, config: toHfConfig(config), tokenizer: tokenizer.files, card: '# Model\n' });
  await exportHuggingFace(folder, join(out, modelType));
  const input_ids = int64(
    Array.from({ length: 24 }, () => 1 + rng.integer(tokenizer.vocabSize - 1)),
    [3, 8],
  );
  const attention_mask = int64(
    Array.from({ length: 24 }, (_, at) => (at >= 20 ? 0 : 1)),
    [3, 8],
  );
  const engine = await openEngine(model);
  const { logits } = await engine.run({ input_ids, attention_mask });
  await engine[Symbol.asyncDispose]();
  const check = new Map(Object.entries({ input_ids, attention_mask, logits }));
  await writeSafetensors(join(out, modelType, 'check.safetensors'), check);
}
await rm(scratch, { recursive: true });
