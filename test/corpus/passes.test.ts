import {
  checkModel,
  cleanUp,
  convertOpset,
  decodeModel,
  decomposeOperators,
  encodeModel,
  evaluateReference,
  fuseOperators,
  inferTypes,
  inlineFunctions,
  type Model,
  type Pass,
} from '@slm-compress/onnx';
import { afterAll, describe, expect, test } from 'vitest';
import { type CorpusCase, corpusFolder, readCases } from './cases.ts';
import { isComparable, uncoveredBy } from './coverage.ts';
import { startOrt } from './ort-process.ts';
import { countSkips } from './skips.ts';
import { difference, feedsOf, ortFeeds, readValue } from './values.ts';

const cases = corpusFolder === undefined ? [] : readCases(corpusFolder);
const named = cases.map((entry) => [entry.name, entry] as const);
const skip = countSkips('passes');

/** Each pass keeps what every model computes. */
const passes: readonly Pass[] = [cleanUp(), inlineFunctions, decomposeOperators(), fuseOperators(), raised(21)];

/** Models of up to an opset, in that opset; others as they are. */
function raised(opset: number): Pass {
  const pass = convertOpset(opset);
  const isLater = ({ opsets }: Model) => (opsets[''] ?? opsets['ai.onnx'] ?? 0) > opset;
  return { name: pass.name, run: (model) => (isLater(model) ? { model, findings: [] } : pass.run(model)) };
}

describe.skipIf(cases.length === 0).each(passes.map((pass) => [pass.name, pass] as const))('%s', (_, pass) => {
  const ort = startOrt();
  afterAll(() => ort[Symbol.dispose]());

  test.for(named)('%s', async ([, entry], context) => {
    const model = decodeModel(entry.bytes);
    const { model: changed } = pass.run(inferTypes(model));
    checkModel(changed);
    expect(pass.run(changed).model, 'idempotent').toBe(changed);
    expect(signature(changed)).toEqual(signature(model));
    if (changed.graph.nodes === model.graph.nodes && changed.opsets === model.opsets) return;
    if (!isComparable(model)) skip(context, 'the outputs are random');
    const byReference = uncoveredBy(changed) === undefined && compareReference(entry, changed);
    const byRuntime = await compareRuntime(entry, model, changed);
    if (!byReference && !byRuntime) skip(context, 'neither the reference nor ONNX Runtime runs the model');
  });

  function compareReference({ sets }: CorpusCase, changed: Model): boolean {
    for (const { inputs, outputs } of sets) {
      const given = evaluateReference(changed, feedsOf(changed.graph, inputs));
      for (const [index, bytes] of outputs.entries()) {
        const output = changed.graph.outputs[index]!;
        expect(difference(given[output.name], readValue(bytes, output)), output.name).toBeUndefined();
      }
    }
    return sets.length > 0;
  }

  async function compareRuntime(entry: CorpusCase, model: Model, changed: Model): Promise<boolean> {
    let compared = false;
    for (const { inputs, outputs } of entry.sets) {
      const feeds = ortFeeds(feedsOf(model.graph, inputs));
      if ('refused' in feeds) return false;
      const before = await ort.run(entry.bytes, feeds.tensors);
      if ('refusal' in before) return false;
      const after = await ort.run(encodeModel(changed), feeds.tensors);
      if ('refusal' in after) throw new Error(`${after.refusal.code} ${after.refusal.message}`);
      for (const [index, output] of model.graph.outputs.entries()) {
        const wanted = before.outputs[output.name];
        // ONNX Runtime is no witness where it does not give what is expected of the original itself.
        if (difference(wanted, readValue(outputs[index]!, output)) !== undefined) continue;
        expect(difference(after.outputs[output.name], wanted), output.name).toBeUndefined();
      }
      compared = true;
    }
    return compared;
  }
});

function signature({ graph }: Model): unknown {
  return [graph.inputs, graph.outputs].map((values) =>
    values.map(({ name, type, container }) => [name, type?.type, container?.kind]),
  );
}
