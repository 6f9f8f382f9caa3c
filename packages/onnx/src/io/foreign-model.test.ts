import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkModel } from '../check/check-model.ts';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import { readModel } from './files.ts';

const file = fileURLToPath(new URL('../../../../../shared/models/magika_standard_v3_3/model.onnx', import.meta.url));

it('a real foreign model (Magika, 3 MB) is read, valid, and equal after a round trip', async (context) => {
  if (!existsSync(file)) return context.skip(`no model at ${file}`);
  const model = await readModel(file);
  checkModel(model);
  expect(model.graph.nodes).toHaveLength(95);
  expect(decodeModel(encodeModel(model))).toEqual(model);
});
