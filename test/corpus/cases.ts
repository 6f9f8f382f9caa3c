import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One model of the ONNX project's backend tests. */
export interface CorpusCase {
  /** `node/test_abs`. */
  readonly name: string;
  readonly file: string;
  readonly bytes: Uint8Array;
  /** Serialized inputs and outputs, in the order of the graph's. */
  readonly sets: readonly { readonly inputs: readonly Uint8Array[]; readonly outputs: readonly Uint8Array[] }[];
}

/** The folder of the tests, handed over by `scripts/test.js`; undefined when they are not installed. */
export const corpusFolder = process.env.SLM_COMPRESS_CORPUS;

/** Every model of the corpus. `light/` are whole vision models without weights and without data. */
export function readCases(folder: string): readonly CorpusCase[] {
  const plain = ['node', 'simple', 'pytorch-converted', 'pytorch-operator'].flatMap((kind) =>
    readdirSync(join(folder, kind))
      .filter((name) => existsSync(join(folder, kind, name, 'model.onnx')))
      .map((name): CorpusCase => {
        const home = join(folder, kind, name);
        const file = join(home, 'model.onnx');
        const sets = readdirSync(home)
          .filter((entry) => entry.startsWith('test_data_set_'))
          .sort()
          .map((set) => ({
            inputs: numbered(join(home, set), 'input_'),
            outputs: numbered(join(home, set), 'output_'),
          }));
        return { name: `${kind}/${name}`, file, bytes: readFileSync(file), sets };
      }),
  );
  const light = readdirSync(join(folder, 'light'))
    .filter((name) => name.endsWith('.onnx'))
    .map((name): CorpusCase => {
      const file = join(folder, 'light', name);
      return { name: `light/${name}`, file, bytes: readFileSync(file), sets: [] };
    });
  return [...plain, ...light].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function numbered(folder: string, prefix: string): readonly Uint8Array[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .sort((a, b) => Number(a.match(/\d+/)![0]) - Number(b.match(/\d+/)![0]))
    .map((name) => readFileSync(join(folder, name)));
}
