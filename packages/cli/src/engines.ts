import { createGraphBuilder, createRng, type EngineOptions, float32, type Model, SlmError } from '@slm-compress/onnx';
import { openPool } from '@slm-compress/runtime';

/** Training engines by the provider of ONNX Runtime that computes. */
const PROVIDERS = {
  'ort-cpu': 'cpu',
  'ort-webgpu': 'webgpu',
  'ort-cuda': 'cuda',
} as const satisfies Readonly<Record<string, EngineOptions['provider']>>;

export type EngineName = keyof typeof PROVIDERS;

export const engineNames = Object.keys(PROVIDERS) as readonly EngineName[];

/** What came of opening an engine: the time of the trial product, or why it does not open. */
export type EngineTrial =
  | { readonly name: EngineName; readonly opens: true; readonly milliseconds: number }
  | { readonly name: EngineName; readonly opens: false; readonly reason: string };

/** An engine, and why it is that one. */
export interface EngineChoice {
  readonly name: EngineName;
  readonly reason: string;
}

/** What `openEngine` and `openPool` are to be told for an engine. */
export function engineOptions(name: EngineName): Pick<EngineOptions, 'provider'> {
  return name === 'ort-cpu' ? {} : { provider: PROVIDERS[name] };
}

/**
 * Opens an engine in a thread of its own and times products of the size of a small training step: rows × width by
 * width × width, four in a row, the median of seven runs after one.
 */
export async function tryEngine(name: EngineName): Promise<EngineTrial> {
  try {
    await using engine = await openPool(trial(), { ...engineOptions(name), workers: 1 });
    const x = float32(new Float32Array(ROWS * WIDTH).fill(1), [ROWS, WIDTH]);
    const times: number[] = [];
    for (let run = 0; run < 8; run++) {
      const begun = performance.now();
      await engine.run({ x });
      if (run > 0) times.push(performance.now() - begun);
    }
    return { name, opens: true, milliseconds: times.sort((a, b) => a - b)[3]! };
  } catch (error) {
    return { name, opens: false, reason: (error as Error).message };
  }
}

/**
 * The engine of that name, or for `auto` the fastest of those that open: measured, since a GPU may be a slow one or one
 * that software imitates.
 *
 * @throws SlmError `ENGINE_OPEN` when the engine asked for does not open.
 */
export async function chooseEngine(
  wanted: EngineName | 'auto',
  attempt: (name: EngineName) => Promise<EngineTrial> = tryEngine,
): Promise<EngineChoice> {
  if (wanted === 'ort-cpu') return { name: wanted, reason: 'asked for' };
  if (wanted !== 'auto') {
    const tried = await attempt(wanted);
    if (!tried.opens) throw new SlmError('ENGINE_OPEN', `engine ${wanted}: ${tried.reason}`);
    return { name: wanted, reason: 'asked for' };
  }
  const trials: EngineTrial[] = [];
  for (const name of engineNames) trials.push(await attempt(name));
  const open = trials.filter((tried) => tried.opens);
  const [first] = open.toSorted((a, b) => a.milliseconds - b.milliseconds);
  const found = trials.map((tried) =>
    tried.opens ? `${tried.name} ${tried.milliseconds.toFixed(1)} ms` : `${tried.name} does not open: ${tried.reason}`,
  );
  if (first === undefined)
    throw new SlmError('ENGINE_OPEN', `engine auto: expected one that opens, got ${found.join('; ')}`);
  return { name: first.name, reason: `the fastest that opens (${found.join('; ')})` };
}

const ROWS = 1024;
const WIDTH = 256;

function trial(): Model {
  const g = createGraphBuilder('engine-trial');
  const rng = createRng(1);
  const weights = Float32Array.from({ length: WIDTH * WIDTH }, () => (rng.uniform() - 0.5) / WIDTH);
  const w = g.constant('w', float32(weights, [WIDTH, WIDTH]));
  let x = g.input('x', 'float32', [ROWS, WIDTH]);
  for (let layer = 0; layer < 4; layer++) x = g.op('MatMul', [x, w]);
  g.output(g.op('ReduceSum', [x], { keepdims: 0 }), 'float32', [], 'y');
  return g.model({ opset: 17 });
}
