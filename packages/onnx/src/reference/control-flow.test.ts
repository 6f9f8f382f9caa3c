import { describe, expect, it } from 'vitest';
import { createGraphBuilder, type GraphBuilder } from '../builder.ts';
import { float32, type Graph, int64, type LocalFunction, type Model, type Tensor } from '../model.ts';
import { evaluateReference, openReference } from './open-reference.ts';

const truth = (value: boolean): Tensor => ({ type: 'bool', dims: [], data: Uint8Array.of(value ? 1 : 0) });

function graph(name: string, build: (g: GraphBuilder) => void): Graph {
  const g = createGraphBuilder(name);
  build(g);
  return g.graph();
}

function model(build: (g: GraphBuilder) => void, more: Partial<Model> = {}): Model {
  const g = createGraphBuilder('main');
  build(g);
  return { ...g.model({ opset: 17 }), ...more };
}

const numbers = (value: unknown) => Array.from((value as Tensor).data as ArrayLike<number | bigint>, Number);

describe('If', () => {
  const branch = (name: string, opType: string) =>
    graph(name, (g) => g.output(g.op(opType, ['x', 'y']), 'float32', [2], `${name}_out`));
  const choose = model((g) => {
    for (const name of ['x', 'y']) g.input(name, 'float32', [2]);
    g.input('condition', 'bool', []);
    const branches = { then_branch: branch('then', 'Add'), else_branch: branch('else', 'Mul') };
    g.output(g.op('If', ['condition'], branches), 'float32', [2], 'z');
  });

  it.each([
    [true, [5, 7]],
    [false, [6, 10]],
  ])('runs the branch of the condition on values of the outer graph: %s', (condition, wanted) => {
    const feeds = { x: float32([2, 2]), y: float32([3, 5]), condition: truth(condition) };
    expect(numbers(evaluateReference(choose, feeds).z)).toEqual(wanted);
  });
});

describe('Loop', () => {
  /** Doubles a carried value while it is below `limit`, an outer value, and gives all of them. */
  const body = graph('body', (g) => {
    g.input('i', 'int64', []);
    g.input('go', 'bool', []);
    const next = g.op('Add', [g.input('v', 'float32', []), 'v']);
    g.output(g.op('Less', [next, 'limit']), 'bool', [], 'more');
    g.output(next, 'float32', [], 'next');
    g.output(next, 'float32', [], 'each');
  });
  const doubling = (first: number) =>
    model((g) => {
      g.input('trips', 'int64', []);
      g.input('limit', 'float32', []);
      const start = g.constant('start', float32([first], []));
      const go = g.constant('go', truth(true));
      const [last, all] = g.ops('Loop', ['trips', go, start], { body }, { outputs: 2 });
      g.output(last!, 'float32', [], 'last');
      g.output(all!, 'float32', [undefined], 'all');
    });

  it.each([
    ['the trips end', 3, 1e9, [2, 4, 8]],
    ['the condition fails', 100, 20, [2, 4, 8, 16, 32]],
    ['there is nothing to do', 0, 20, []],
  ])('carries values and stacks outputs until %s', (_, trips, limit, wanted) => {
    const given = evaluateReference(doubling(1), { trips: int64([trips], []), limit: float32([limit], []) });
    expect(numbers(given.all)).toEqual(wanted);
    expect(numbers(given.last)).toEqual([wanted.at(-1) ?? 1]);
  });

  it('is cancelled inside', async () => {
    // Twice 0 is 0: only the trips end it, after minutes.
    const engine = await openReference(doubling(0));
    const feeds = { trips: int64([1e8], []), limit: float32([1], []) };
    const controller = new AbortController();
    const running = engine.run(feeds, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });
});

describe('Scan', () => {
  const body = graph('body', (g) => {
    const sum = g.op('Add', [g.input('sum', 'float32', []), g.input('x', 'float32', [])]);
    g.output(sum, 'float32', [], 'sum_out');
    g.output(sum, 'float32', [], 'each');
  });
  it.each([
    ['forward', {}, [1, 3, 6]],
    ['backward', { scan_input_directions: [1] }, [3, 5, 6]],
    ['with outputs in reverse', { scan_output_directions: [1] }, [6, 3, 1]],
  ])('sums along an axis: %s', (_, directions, wanted) => {
    const sums = model((g) => {
      const x = g.input('x', 'float32', [3]);
      const attributes = { body, num_scan_inputs: 1, ...directions };
      const [last, all] = g.ops('Scan', [g.constant('zero', float32([0], [])), x], attributes, { outputs: 2 });
      g.output(last!, 'float32', [], 'last');
      g.output(all!, 'float32', [3], 'all');
    });
    const given = evaluateReference(sums, { x: float32([1, 2, 3]) });
    expect([numbers(given.all), numbers(given.last)]).toEqual([wanted, [6]]);
  });
});

describe('local functions', () => {
  const local = (body: Partial<LocalFunction>): LocalFunction => ({
    domain: 'mine',
    name: 'F',
    inputs: ['a'],
    outputs: ['b'],
    attributeNames: [],
    attributes: {},
    nodes: [],
    opsets: { '': 17 },
    ...body,
  });
  const calling = (functions: readonly LocalFunction[]): Model =>
    model(
      (g) => {
        const made = g.op(
          'F',
          [g.input('x', 'float32', [2])],
          { slope: { kind: 'float', value: 0.5 } },
          { domain: 'mine' },
        );
        g.output(made, 'float32', [2], 'y');
      },
      { opsets: { '': 17, mine: 1 }, functions },
    );

  it('take attributes of the call', () => {
    const node = {
      name: 'leaky',
      opType: 'LeakyRelu',
      domain: '',
      inputs: ['a'],
      outputs: ['b'],
      attributes: { alpha: { kind: 'ref', value: 'slope', type: 1 } as const },
    };
    const given = evaluateReference(calling([local({ attributeNames: ['slope'], nodes: [node] })]), {
      x: float32([-4, 3]),
    });
    expect(numbers(given.y)).toEqual([-2, 3]);
  });

  it('that call themselves are refused', () => {
    const node = { name: 'again', opType: 'F', domain: 'mine', inputs: ['a'], outputs: ['b'], attributes: {} };
    const endless = calling([local({ opsets: { '': 17, mine: 1 }, nodes: [node] })]);
    expect(() => evaluateReference(endless, { x: float32([1, 2]) })).toThrow(/at most 100 functions inside each other/);
  });
});

it('sparse initializers are tensors of mostly zeros', () => {
  const sums = model((g) => g.output(g.op('Add', [g.input('x', 'float32', [3]), 's']), 'float32', [3], 'y'));
  const sparse = { dims: [3], values: float32([5]), indices: int64([2]) };
  const given = evaluateReference(
    { ...sums, graph: { ...sums.graph, sparseInitializers: new Map([['s', sparse]]) } },
    { x: float32([1, 2, 3]) },
  );
  expect(numbers(given.y)).toEqual([1, 2, 8]);
});
