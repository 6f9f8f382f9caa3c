// Whether a model gives every test text the same bits alone, padded and in a batch, optimised and not:
// node bench/suites/batch-invariance.js MODEL_FOLDER DATA_FOLDER
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';
import { openEngine } from '@slm-compress/runtime';
import { loadTokenizer, padBatch, readDataFolder } from '@slm-compress/text';

const [folder, data] = process.argv.slice(2);
if (folder === undefined || data === undefined) {
  console.error('usage: node bench/suites/batch-invariance.js MODEL_FOLDER DATA_FOLDER');
  process.exit(2);
}
const quantized = join(folder, 'onnx', 'model_quantized.onnx');
const path = existsSync(quantized) ? quantized : join(folder, 'onnx', 'model.onnx');
const { max_position_embeddings: maxLength } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
const tokenizer = await loadTokenizer(folder);
const { test } = await readDataFolder(data);
const texts = test.map(({ text }) => tokenizer.encode(text, { maxLength }).ids);
const { padId } = tokenizer;

const result = { model: path, texts: texts.length };
for (const optimization of ['all', 'none']) {
  const rng = createRng(1);
  const engine = await openEngine(path, { optimization });
  const logits = async (ids, length) => {
    const { inputIds, attentionMask } = padBatch(ids, { padId, ...(length === undefined ? {} : { length }) });
    const { logits: out } = await engine.run({ input_ids: inputIds, attention_mask: attentionMask });
    const width = out.dims[1];
    return ids.map((_, row) => Buffer.from(out.data.slice(row * width, (row + 1) * width).buffer).toString('hex'));
  };
  const alone = [];
  for (const ids of texts) alone.push((await logits([ids]))[0]);
  const different = { padded: 0, batched: 0 };
  for (const [index, ids] of texts.entries()) {
    const length = ids.length + rng.integer(maxLength - ids.length + 1);
    if ((await logits([ids], length))[0] !== alone[index]) different.padded++;
  }
  const order = rng.shuffle(texts.map((_, index) => index));
  for (let at = 0; at < order.length; ) {
    const batch = order.slice(at, at + 2 + rng.integer(15));
    at += batch.length;
    const answers = await logits(batch.map((index) => texts[index]));
    for (const [row, index] of batch.entries()) if (answers[row] !== alone[index]) different.batched++;
  }
  result[`optimization ${optimization}`] = different;
  await engine[Symbol.asyncDispose]();
}
console.log(JSON.stringify(result));
const clean = ['all', 'none'].every((level) => {
  const { padded, batched } = result[`optimization ${level}`];
  return padded + batched === 0;
});
process.exitCode = clean ? 0 : 1;
