import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRng } from '@slm-compress/onnx';

const words = {
  garden:
    'rose tulip soil water spade hedge lawn bloom seed compost shade trellis ivy fern moss prune mulch pot greenhouse daisy',
  kitchen:
    'pan oven flour butter knife simmer broth onion garlic whisk bake salt pepper dough recipe spoon kettle plate sugar stew',
};
const common =
  'the a with some under over near and then while small large old new bright warm cold slowly quickly often'.split(' ');

/** Sentences about gardens and kitchens, labelled; a few of them on the wrong side, so that no model is perfect. */
export function tinyRows(count: number): readonly { id: string; text: string; label: string }[] {
  const rng = createRng('tiny data');
  return Array.from({ length: count }, (_, index) => {
    const label = index % 2 === 0 ? 'garden' : 'kitchen';
    const topic = rng.uniform() < 0.06 ? (label === 'garden' ? 'kitchen' : 'garden') : label;
    const own = words[topic].split(' ');
    const length = 6 + rng.integer(10);
    const text = Array.from({ length }, () => {
      const list = rng.uniform() < 0.5 ? own : common;
      return list[rng.integer(list.length)]!;
    }).join(' ');
    return { id: `row-${String(index).padStart(4, '0')}`, text, label };
  });
}

/** A recipe with every kind of stage that takes a few seconds. */
export const tinyRecipe = `name: tiny
seed: 3
data:
  source: rows.jsonl
  split: { train: 0.6, validation: 0.2, test: 0.2 }
tokenizer: { vocabSize: 220, maxLength: 32 }
stages:
  - name: teacher
    train:
      architecture: { layers: 2, hiddenSize: 32, heads: 4, intermediateSize: 64 }
      epochs: 8
      learningRate: 3.0e-3
      tokenBudget: 192
      checkpointEverySteps: 20
  - name: student
    distill:
      teacher: teacher
      architecture: { layers: 1, hiddenSize: 16, heads: 2, intermediateSize: 32 }
      epochs: 10
      learningRate: 5.0e-3
      tokenBudget: 192
      checkpointEverySteps: 20
  - name: pruned
    prune:
      from: student
      heads: 0.5
      intermediate: 0.5
      samples: 64
      recovery: { teacher: teacher, epochs: 5, learningRate: 3.0e-3, tokenBudget: 192, checkpointEverySteps: 20 }
  - name: int8
    quantize: { from: pruned, calibration: { samples: 64 } }
`;

/** Writes the recipe and its data into a folder and returns the recipe's path. */
export async function writeTinyRecipe(folder: string, recipe = tinyRecipe): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'rows.jsonl'),
    tinyRows(360)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  await writeFile(join(folder, 'recipe.yaml'), recipe);
  return join(folder, 'recipe.yaml');
}
