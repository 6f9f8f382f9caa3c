// Writes docs/ops.md: what the tables of packages/onnx know of each operator. `--check` only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quantizableOperators } from '@slm-compress/compress';
import {
  decompositions,
  gradients,
  microsoftSignatures,
  newestOpset,
  onnxSignatures,
  referenceKernels,
  signaturesOf,
  typeRules,
} from '@slm-compress/onnx';
import { root } from './setup.js';

const file = join(root, 'docs', 'ops.md');
const tables = [typeRules, referenceKernels, gradients, decompositions];
const has = (table, key) => Object.hasOwn(table, key);

/** Operators of today by domain; of ONNX Runtime's, those that some table has a row for. */
const onnx = Object.keys(onnxSignatures).filter((key) => !signaturesOf(key).at(-1).deprecated);
const domains = [
  ['ai.onnx', onnx.filter((key) => !key.includes('.'))],
  ['ai.onnx.ml and previews', onnx.filter((key) => key.includes('.'))],
  ['com.microsoft', Object.keys(microsoftSignatures).filter((key) => tables.some((table) => has(table, key)))],
];

const text = [
  '# Operators',
  '',
  'What `@slm-compress/onnx` knows of each operator, written by `node scripts/ops-matrix.js` from its tables. Signatures (the checker) are',
  `known of all operators up to ai.onnx ${newestOpset} and of ${Object.keys(microsoftSignatures).length} that ONNX Runtime adds.`,
  '',
  '- **infer**: element types and shapes, with symbolic sizes.',
  '- **evaluate**: a kernel of the reference interpreter.',
  '- **gradient**: `rule`: a row of its own; `spelled out`: by the decomposition of the operator into smaller ones; `none`: nothing to pass on, and why; `refused`: no gradient that can be emitted, and why.',
  '- **decompose**: can be spelled out by `decomposeOperators`.',
  '- **quantize**: weights become int8 under `slm-compress quantize`.',
  '',
  'There is no tfjs engine yet, hence no column for it.',
  ...domains.flatMap(([name, keys]) => section(name, keys.toSorted())),
  '',
].join('\n');

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('docs/ops.md: expected what the tables say, got something else (run `node scripts/ops-matrix.js`)');
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
}

function section(name, keys) {
  const mark = (yes) => (yes ? '✓' : '');
  const rows = keys.map((key) => [
    key.replace(/^com\.microsoft\./, ''),
    signaturesOf(key).at(-1).since,
    mark(has(typeRules, key)),
    mark(has(referenceKernels, key)),
    gradient(key),
    mark(has(decompositions, key)),
    mark(quantizableOperators.includes(key)),
  ]);
  const count = (table) => `${keys.filter((key) => has(table, key)).length}`;
  const passing = keys.filter((key) => /^(rule|spelled out)$/.test(gradient(key))).length;
  const without = keys.filter((key) => /^none/.test(gradient(key))).length;
  return [
    '',
    `## ${name}`,
    '',
    `Of ${keys.length} operators: infer ${count(typeRules)}, evaluate ${count(referenceKernels)}, gradient ${passing} (and ${without} that have none to pass on), decompose ${count(decompositions)}.`,
    '',
    '| operator | version | infer | evaluate | gradient | decompose | quantize |',
    '|---|---|---|---|---|---|---|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ];
}

function gradient(key) {
  const rule = has(gradients, key) ? gradients[key] : undefined;
  if (rule && 'stops' in rule) return `none: ${rule.stops}`;
  if (rule?.refuses !== undefined) return `refused: ${rule.refuses}`;
  if (rule) return 'rule';
  return has(decompositions, key) ? 'spelled out' : '';
}
