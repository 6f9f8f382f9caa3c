import { decodeModel, evaluateReference } from '@slm-compress/onnx';
import { describe, expect, test } from 'vitest';
import { corpusFolder, readCases } from './cases.ts';
import { isComparable, uncoveredBy } from './coverage.ts';
import { countSkips } from './skips.ts';
import { difference, feedsOf, readValue } from './values.ts';

const cases = corpusFolder === undefined ? [] : readCases(corpusFolder);
const named = cases.map((entry) => [entry.name, entry] as const);
const skip = countSkips('reference interpreter');

describe.skipIf(cases.length === 0)('the reference interpreter gives the expected outputs', () => {
  test.for(named)('%s', ([, { bytes, sets }], context) => {
    if (sets.length === 0) skip(context, 'comes without inputs and outputs');
    const model = decodeModel(bytes);
    const uncovered = uncoveredBy(model);
    if (uncovered) skip(context, `${uncovered} is not in the table`);
    if (!isComparable(model)) skip(context, 'the outputs are random');
    for (const { inputs, outputs } of sets) {
      const given = evaluateReference(model, feedsOf(model.graph, inputs));
      for (const [index, bytes] of outputs.entries()) {
        const output = model.graph.outputs[index]!;
        expect(difference(given[output.name], readValue(bytes, output)), output.name).toBeUndefined();
      }
    }
  });
});
