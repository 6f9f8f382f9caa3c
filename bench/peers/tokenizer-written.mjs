// Writes every folder and model of packages/text/goldens/forms as tokenizer.json: node bench/peers/tokenizer-written.mjs OUT
// [MODELS], after `npx tsc -b packages/text`; then bench/peers/tokenizer-written.py OUT loads them elsewhere.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTokenizer, readTokenizerFiles, writeTokenizer } from '../../packages/text/dist/index.js';

const [out, models = fileURLToPath(new URL('../../../shared/models', import.meta.url))] = process.argv.slice(2);
const goldens = fileURLToPath(new URL('../../packages/text/goldens/forms', import.meta.url));
const { texts, folders } = JSON.parse(await readFile(join(goldens, 'folders.json'), 'utf8'));
const more = JSON.parse(await readFile(join(goldens, 'models.json'), 'utf8')).cases.map(({ model, config = {} }) => ({
  name: `${model} ${config.tokenizer_class ?? ''}${config.legacy === false ? ' not legacy' : ''}`,
  files: model.includes('/') ? { 'tok.bin': `shared:${model}` } : { 'tokenizer.model': `golden:${model}.model` },
  written: { 'tokenizer_config.json': config },
}));
const ids = {};
for (const { name, files, written } of [...folders, ...more]) {
  const folder = join(out, name.replaceAll(/[^\w-]+/g, '-'));
  const source = join(folder, 'source');
  await mkdir(source, { recursive: true });
  for (const [file, from] of Object.entries(files)) {
    const [kind, path] = from.split(':');
    await copyFile(join(kind === 'shared' ? models : goldens, path), join(source, file));
  }
  for (const [file, content] of Object.entries(written)) await writeFile(join(source, file), JSON.stringify(content));
  await writeTokenizer(folder, await readTokenizerFiles(source));
  const tokenizer = await loadTokenizer(source);
  ids[folder] = {
    single: texts.map((text) => [...tokenizer.encode(text).ids]),
    pair: texts.slice(1).map((text, i) => [...tokenizer.encode(texts[i], { pair: text }).ids]),
  };
}
await writeFile(join(out, 'ids.json'), JSON.stringify({ texts, ids }));
