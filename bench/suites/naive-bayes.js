// The baseline on real data: naive Bayes on uni- and bigrams, test accuracy with its bootstrap interval.
//   node bench/suites/naive-bayes.js [DATA]      (DATA holds imdb/ and banking77/; ../shared/data by default)
// The settings are chosen as recipes choose them, on a tenth of the training texts that is held out; then the same settings
// learn from all training texts. Fails when that accuracy is more than .003 below .867 and .849, the figures of these files
// (IMDB without its <br /> tags).
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { createRng } from '@slm-compress/onnx';
import { bootstrapInterval, chooseNaiveBayes, classificationMetrics, mcnemar, naiveBayes } from '@slm-compress/text';
import { parse } from 'csv-parse/sync';

const data = process.argv[2] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

const jsonl = (path) =>
  gunzipSync(readFileSync(path))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .map(({ id, text, label }) => ({ id: String(id), text: text.replaceAll('<br />', ' '), label: String(label) }));
const csv = (path) =>
  parse(readFileSync(path), { columns: true }).map((row, i) => ({
    id: String(i),
    text: row.text,
    label: row.category ?? row.label,
  }));

const sets = [
  { name: 'imdb', read: jsonl, files: ['train.jsonl.gz', 'test.jsonl.gz'], expected: 0.867 },
  { name: 'banking77', read: csv, files: ['train.csv', 'test.csv'], expected: 0.849 },
];

for (const { name, read, files, expected } of sets) {
  const [trainFile, testFile] = files.map((file) => join(data, name, file));
  if (!existsSync(trainFile)) {
    console.log(`${name}: skipped, ${trainFile} is absent`);
    continue;
  }
  const [train, test] = [read(trainFile), read(testFile)];
  const labels = [...new Set(train.map((row) => row.label))].sort();
  const truth = test.map((row) => labels.indexOf(row.label));
  const shuffled = createRng(1).shuffle([...train]);
  const held = Math.round(train.length / 10);
  const begun = performance.now();
  const chosen = chooseNaiveBayes(shuffled.slice(held), shuffled.slice(0, held), labels);
  const seconds = (performance.now() - begun) / 1000;
  const { options, validationAccuracy, trials } = chosen;
  console.log(
    `${name}: chosen ${JSON.stringify(options)} of ${trials.length} on ${held} held-out texts, ${validationAccuracy.toFixed(4)} ` +
      `(defaults ${trials[0].accuracy.toFixed(4)}), ${seconds.toFixed(1)} s`,
  );
  const candidates = {
    'defaults, all': () => naiveBayes(train, labels),
    'chosen, nine tenths': () => chosen.model,
    'chosen, all': () => naiveBayes(train, labels, options),
  };
  const predictions = Object.entries(candidates).map(([title, make]) => {
    const model = make();
    const predicted = test.map((row) => model.predict(row.text).label);
    const { accuracy, macroF1 } = classificationMetrics(predicted, truth, labels);
    const right = predicted.map((label, i) => label === truth[i]);
    const { low, high } = bootstrapInterval(right, { metric: 'accuracy', samples: 1000, rng: createRng(1) });
    console.log(
      `${name} ${title}: accuracy ${accuracy.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}], ` +
        `macro F1 ${macroF1.toFixed(4)}, ${model.features} features`,
    );
    return { right, accuracy };
  });
  const { aOnly, bOnly, pValue } = mcnemar(predictions[0].right, predictions[2].right);
  console.log(
    `${name}: only the defaults right ${aOnly}, only the chosen right ${bOnly}, McNemar p = ${pValue.toPrecision(2)}`,
  );
  if (predictions[2].accuracy < expected - 0.003) {
    console.error(`${name}: expected at least ${expected} - .003`);
    process.exitCode = 1;
  }
}
