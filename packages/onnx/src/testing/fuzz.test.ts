import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { arbitraryModel } from '../../test/arbitrary-model.ts';
import { decodeModel } from '../io/decode.ts';
import { encodeModel } from '../io/encode.ts';
import { encodeMessage } from '../io/message.ts';
import { createRng } from '../rng.ts';
import { exerciseModel } from './exercise-model.ts';
import { mutateModel } from './mutate-model.ts';
import { randomMessage } from './random-message.ts';
import { readTree, writeTree } from './wire-tree.ts';

const golden = (name: string) => new Uint8Array(readFileSync(new URL(`../../goldens/${name}`, import.meta.url)));
const rng = createRng(1);
const random = Array.from({ length: 30 }, () => encodeMessage('ModelProto', randomMessage('ModelProto', rng)));
const arbitrary = fc.sample(arbitraryModel, { numRuns: 30, seed: 1 }).map(encodeModel);
const seeds = [golden('operators.onnx'), golden('bert.onnx'), ...random, ...arbitrary];

it('seeds are read as trees and written again', () => {
  for (const seed of seeds) expect(Buffer.compare(writeTree(readTree(seed, 'ModelProto')), seed)).toBe(0);
});

it('random messages are models for the most part, of every field', () => {
  const decoded = random.filter((bytes) => {
    try {
      decodeModel(bytes);
      return true;
    } catch {
      return false;
    }
  });
  expect(decoded.length).toBeGreaterThan(20);
});

it('mutations are repeatable', () => {
  const [a, b] = [mutateModel(seeds[0]!, seeds[1]!, createRng(5)), mutateModel(seeds[0]!, seeds[1]!, createRng(5))];
  expect(Buffer.compare(a, b)).toBe(0);
});

it('mutated files are refused with a code, or valid models that are written and read again', () => {
  const tally = { refused: 0, invalid: 0, valid: 0 };
  for (let i = 0; i < 1200; i++) {
    const chance = createRng(i);
    const pick = () => seeds[chance.integer(seeds.length)]!;
    const bytes = mutateModel(pick(), pick(), chance);
    try {
      tally[exerciseModel(bytes)]++;
    } catch (error) {
      throw new Error(`file ${i} (${Buffer.from(bytes.subarray(0, 40)).toString('hex')}…)`, { cause: error });
    }
  }
  expect(tally.refused).toBeGreaterThan(300);
  expect(tally.invalid).toBeGreaterThan(120);
  expect(tally.valid).toBeGreaterThan(30);
}, 60_000);
