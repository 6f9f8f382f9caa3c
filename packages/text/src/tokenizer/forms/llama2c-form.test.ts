import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadTokenizer } from '../../tokenizer.ts';

const goldens = new URL('../../../goldens/forms/models.json', import.meta.url);
const file = fileURLToPath(new URL('../../../../../../shared/models/stories260K/tok512.bin', import.meta.url));

it("the vocabulary of stories260K gives the ids of llama2.c's algorithm", async (context) => {
  if (!existsSync(file)) return context.skip(`no vocabulary at ${file}`);
  const { cases } = JSON.parse(readFileSync(goldens, 'utf8')) as {
    cases: readonly { witness: string; texts: readonly string[]; ids: number[][]; decoded: string[] }[];
  };
  const { texts, ids, decoded } = cases.find(({ witness }) => witness === 'llama2.c')!;
  expect(texts.length).toBeGreaterThan(60);
  // the model itself is beside it, so a folder is told apart by names
  for (const path of [file, dirname(file)]) {
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer.vocabSize).toBe(512);
    texts.forEach((text, i) => {
      expect([...tokenizer.encode(text).ids], JSON.stringify(text)).toEqual([1, ...ids[i]!]);
      expect(tokenizer.decode(ids[i]!), JSON.stringify(text)).toBe(decoded[i]);
    });
  }
});
