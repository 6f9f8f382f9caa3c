import { describe, expect, it } from 'vitest';
import { sample } from '../../test/pass-sample.ts';
import { SlmError } from '../errors.ts';
import type { Pass } from '../pass.ts';
import { renameValue } from '../rewrite.ts';
import { removeDeadNodes } from './remove-dead-nodes.ts';
import { type PassReport, runPasses } from './run-passes.ts';

describe('runPasses', () => {
  const rename: Pass = {
    name: 'rename',
    run: (model) => {
      const graph = renameValue(model.graph, 'w', 'v');
      return { model: graph === model.graph ? model : { ...model, graph }, findings: [] };
    },
  };
  const breaking: Pass = {
    name: 'break',
    run: (model) => ({ model: { ...model, graph: { ...model.graph, initializers: new Map() } }, findings: [] }),
  };
  const refusing: Pass = {
    name: 'refuse',
    run: () => {
      throw new SlmError('NO_WEIGHTS', 'node "a": expected a weight, got none');
    },
  };

  it('reports sizes and findings of every pass', () => {
    const seen: string[] = [];
    const { model, reports } = runPasses(sample(), [removeDeadNodes, rename, removeDeadNodes], {
      onPass: ({ pass }) => seen.push(pass),
    });
    expect(seen).toEqual(['remove-dead-nodes', 'rename', 'remove-dead-nodes']);
    expect(reports.map(({ changed }) => changed)).toEqual([true, true, false]);
    expect(reports[0]).toMatchObject({
      before: { nodes: 7, parameters: 6, bytes: 24 },
      after: { nodes: 5, parameters: 5, bytes: 20 },
    });
    expect(model.graph.initializers.has('v')).toBe(true);
  });

  it('names the pass that fails and those before it', () => {
    const run = (passes: readonly Pass[]) => () => runPasses(sample(), passes);
    expect(run([removeDeadNodes, refusing])).toThrow(
      'pass 2 of 2, refuse (after remove-dead-nodes): node "a": expected a weight, got none',
    );
    expect(run([refusing])).toThrow(expect.objectContaining({ code: 'NO_WEIGHTS' }));
    expect(run([breaking])).toThrow(
      'pass 1 of 1, break: graph, node "d1" (Add): expected defined inputs, got unknown value "dead"',
    );
    expect(run([breaking])).toThrow(expect.objectContaining({ code: 'PASS_INVALID_MODEL' }));
  });

  it('shows the models before and after, counts operators, and stops where it is told to', () => {
    const seen: (readonly [string, boolean])[] = [];
    const model = sample();
    const { reports } = runPasses(model, [removeDeadNodes, rename, breaking], {
      stopAfter: 'rename',
      onPass: ({ pass }, after, before) => seen.push([pass, before === model && after !== before]),
    });
    expect(seen).toEqual([
      ['remove-dead-nodes', true],
      ['rename', false],
    ]);
    expect(reports[0]!.before.operators).toMatchObject({ Add: 1, Tanh: 1 });
    expect(reports[0]!.after.operators).not.toHaveProperty('Tanh');
    const run = () => runPasses(model, [rename], { stopAfter: 'fold' });
    expect(run).toThrow('passes, stopAfter: expected one of rename, got "fold"');
    expect(run).toThrow(expect.objectContaining({ code: 'PASS_OPTIONS' }));
  });

  it('goes through the list until nothing changes, or as often as it may', () => {
    const counted = (reports: readonly PassReport[]) =>
      reports.map(({ round, pass, changed }) => `${round} ${pass} ${changed}`);
    expect(counted(runPasses(sample(), [rename, removeDeadNodes], { rounds: 5 }).reports)).toEqual([
      '1 rename true',
      '1 remove-dead-nodes true',
      '2 rename false',
      '2 remove-dead-nodes false',
    ]);
    const restless: Pass = { name: 'restless', run: (model) => ({ model: { ...model }, findings: [] }) };
    expect(runPasses(sample(), [restless], { rounds: 3 }).reports.length).toBe(3);
  });
});
