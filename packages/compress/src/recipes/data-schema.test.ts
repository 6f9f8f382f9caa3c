import { SlmError } from '@slm-compress/onnx';
import { standardCleaning } from '@slm-compress/text';
import { expect, it } from 'vitest';
import { parseRecipe } from './parse.ts';

const recipe = (data: string) =>
  parseRecipe(
    `name: tiny\ndata: ${data}\nstages:\n  - { name: a, train: { architecture: { layers: 1, hiddenSize: 16, heads: 2, intermediateSize: 32 } } }\n`,
    'r.yaml',
  );

it('fills in what a recipe leaves out', () => {
  expect(recipe('{ source: a.csv }').data).toEqual({
    task: 'classification',
    source: 'a.csv',
    onBadRow: 'error',
    cleaning: standardCleaning,
    duplicates: { exact: true, near: 0.8 },
    split: { by: 'stratified' },
  });
});

it('reads short forms as the long ones', () => {
  const long = `{ inputs: [{ path: a.csv }], test: [{ path: b.csv }, { path: c.csv, columns: { text: body } }],
    cleaning: [{ step: html-to-text }, { step: standard }, { step: cut, maxCharacters: 9 }] }`;
  const short = `{ inputs: a.csv, test: [b.csv, { path: c.csv, columns: { text: body } }],
    cleaning: [html-to-text, standard, { step: cut, maxCharacters: 9 }] }`;
  expect(recipe(short)).toEqual(recipe(long));
  expect(recipe(short).data.cleaning).toEqual([
    { step: 'html-to-text' },
    ...standardCleaning,
    { step: 'cut', maxCharacters: 9 },
  ]);
});

it.each([
  ['{ source: a, textColumn: b }', 'r.yaml:2:20: unknown key "textColumn" (known here: task, source, inputs, columns'],
  ['{ inputs: [{ path: a, wieght: 2 }] }', 'unknown key "wieght" (did you mean "weight"?)'],
  ['{ inputs: { path: a, columns: { texd: b } } }', 'unknown key "texd" (did you mean "text"?)'],
  ['{ source: a, duplicates: { nea: 1 } }', 'unknown key "nea" (did you mean "near"?)'],
  ['{ source: a, cleaning: [{ step: cut, maxChars: 3 }] }', 'unknown key "maxChars" (known here: step, maxCharacters)'],
  ['{ source: a, cleaning: [{ step: length, words: { mim: 3 } }] }', 'unknown key "mim" (did you mean "min"?)'],
])('unknown key: %s', (data, message) => {
  expect(() => recipe(data)).toThrow(message);
});

it.each([
  ['{}', 'r.yaml:2:7: data.source: expected either source or inputs'],
  ['{ source: a, inputs: b }', 'data.inputs: expected either source or inputs'],
  ['{ inputs: [{ path: a, format: jsnl }] }', 'data.inputs.0.format: Invalid option'],
  ['{ inputs: [{ path: a, format: jsnl }] }', '(did you mean "jsonl"?)'],
  [
    '{ source: a, cleaning: [htm-to-text] }',
    'data.cleaning.0.step: expected the name of a cleaning step, got "htm-to-text" (did you mean "html-to-text"?)',
  ],
  ['{ source: a, cleaning: [polish] }', 'got "polish" (standard, html-to-text, mojibake'],
  ['{ source: a, cleaning: [cut] }', 'data.cleaning.0.maxCharacters: Invalid input'],
  ['{ source: a, duplicates: { near: yes } }', 'expected a similarity above 0 and at most 1, or false'],
  ['{ source: a, split: { by: stratifed } }', '(did you mean "stratified"?)'],
  ['{ source: a, test: b, split: { test: 0.2 } }', 'data.split.test: expected no share for test, whose rows are given'],
  ['{ source: a, test: b, split: { folds: 3, fold: 1 } }', 'expected no folds, since the rows of test are given'],
  ['{ source: a, split: { folds: 5 } }', 'data.split.folds: expected folds and fold together'],
  ['{ source: a, split: { folds: 5, fold: 5 } }', 'data.split.fold: expected a number from 0 to 4 (folds: 5), got 5'],
  ['{ source: a, split: { folds: 5, fold: 1, by: time } }', 'expected by: stratified or group, got time'],
  ['{ source: a, split: { folds: 5, fold: 1, test: 0.1 } }', 'expected no shares beside folds'],
])('wrong: %s', (data, message) => {
  expect(() => recipe(data)).toThrow(message);
  expect(() => recipe(data)).toThrow(SlmError);
});
