import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diffModels, type Model, type PassReport, printDiff, printModel } from '@slm-compress/onnx';

/**
 * Writes the graph as text into a folder: `00-input.txt`, and `01-NAME.txt` with `01-NAME.diff.txt` after every pass
 * that changed it. The function that is returned goes to `runPasses` as `onPass`.
 */
export function tracePasses(folder: string, input: Model): (report: PassReport, model: Model, before: Model) => void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '00-input.txt'), printModel(input));
  let step = 0;
  return ({ pass, changed }, model, before) => {
    if (!changed) return;
    step++;
    const name = join(folder, `${String(step).padStart(2, '0')}-${pass}`);
    writeFileSync(`${name}.txt`, printModel(model));
    writeFileSync(`${name}.diff.txt`, printDiff(diffModels(before, model)));
  };
}
