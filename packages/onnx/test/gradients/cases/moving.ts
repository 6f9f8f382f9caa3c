import { int64, scalar } from '../../../src/model.ts';
import { type Case, type Cases, one, op } from '../finite-differences.ts';

const bools = (...values: readonly number[]) => ({
  type: 'bool' as const,
  dims: [values.length],
  data: Uint8Array.from(values),
});
const slice = (shape: readonly number[], starts: readonly number[], ends: readonly number[], ...more: number[][]) => [
  one([shape], op('Slice', {}, [int64(starts), int64(ends), ...more.map((values) => int64(values))]), {
    unranked: true,
  }),
];
const pads = (mode: string, values: readonly number[], opset = 17): Case =>
  one([[3, 4]], op('Pad', { mode }, [int64(values)]), { opset, unranked: true });

/** Operators that move, repeat or drop whole axes. */
export const movingCases: Cases = {
  Reshape: [
    one([[2, 6]], op('Reshape', {}, [int64([3, -1])]), { unranked: true }),
    one([[2, 3, 4]], op('Reshape', {}, [int64([0, 0, 2, 2])])),
  ],
  Flatten: [
    one([[2, 3, 2]], op('Flatten', { axis: 2 }), { unranked: true }),
    one([[2, 3]], op('Flatten', { axis: 0 })),
    one([[2, 3, 2]], op('Flatten', { axis: -1 })),
  ],
  Squeeze: [
    one([[2, 1, 3]], op('Squeeze', {}, [int64([1])]), { unranked: true }),
    one([[1, 2, 1]], op('Squeeze', {}, [int64([-1, 0])])),
    one([[2, 1, 3]], op('Squeeze'), { unranked: true }),
  ],
  Unsqueeze: [one([[2, 3]], op('Unsqueeze', {}, [int64([0, -1])]), { unranked: true })],
  Transpose: [
    one([[2, 3, 4]], op('Transpose', { perm: [2, 0, 1] }), { unranked: true }),
    one([[2, 3]], op('Transpose'), { unranked: true }),
  ],
  Expand: [
    one([[3, 1]], op('Expand', {}, [int64([2, 1, 4])]), { unranked: true }),
    one([[3, 1]], (g, [x]) => g.op('Expand', [x!, 'shape']), { fed: { shape: int64([2, 1, 2]) }, unranked: true }),
  ],
  Tile: [
    one([[2, 3]], op('Tile', {}, [int64([2, 3])]), { unranked: true }),
    one([[2, 3]], (g, [x]) => g.op('Tile', [x!, 'repeats']), { fed: { repeats: int64([1, 2]) }, unranked: true }),
  ],
  Concat: [
    one(
      [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      op('Concat', { axis: 1 }),
      { unranked: true },
    ),
    one(
      [
        [2, 3],
        [1, 3],
      ],
      op('Concat', { axis: -2 }),
      { wanted: [1], unranked: true },
    ),
  ],
  Split: [
    one([[2, 5]], (g, [x]) => g.ops('Split', [x!, g.constant('s', int64([2, 3]))], { axis: 1 }, { outputs: 2 }), {
      unranked: true,
    }),
    one([[2, 5]], (g, [x]) => g.ops('Split', [x!, g.constant('s', int64([2, 3]))], { axis: 1 }, { outputs: 2 })[1]!),
    one([[2, 5]], (g, [x]) => g.ops('Split', [x!, 'sizes'], { axis: -1 }, { outputs: 2 })[0]!, {
      fed: { sizes: int64([1, 4]) },
      unranked: true,
    }),
    one([[4, 2]], (g, [x]) => g.ops('Split', [x!], {}, { outputs: 2 })[1]!),
    one([[5, 2]], (g, [x]) => g.ops('Split', [x!], { num_outputs: 3 }, { outputs: ['', 'b', 'c'] }).slice(1), {
      opset: 18,
      notOnOrt: 'ends the process on an output without a name',
    }),
  ],
  Pad: [
    one([[2, 3]], op('Pad', {}, [int64([1, 0, 0, 2])]), { unranked: true }),
    one([[2, 3]], op('Pad', {}, [int64([0, -1, 1, 0]), scalar(3)])),
    one([[2, 3], []], (g, [x, value]) => g.op('Pad', [x!, g.constant('p', int64([1, -1, 1, 2])), value!]), {
      unranked: true,
    }),
    one([[2, 3]], (g, [x]) => g.op('Pad', [x!, g.constant('p', int64([1, 2])), '', g.constant('a', int64([1]))]), {
      opset: 18,
    }),
    one([[2, 3]], (g, [x]) => g.op('Pad', [x!, 'pads']), { fed: { pads: int64([1, 0, 0, -1]) }, unranked: true }),
    pads('reflect', [1, 2, 2, 3]),
    pads('edge', [1, 0, 2, 3]),
    pads('wrap', [1, 2, 2, 0], 19),
    one([[3, 4]], (g, [x]) => g.op('Pad', [x!, 'pads'], { mode: 'reflect' }), { fed: { pads: int64([0, 1, 2, 0]) } }),
    one(
      [[2, 3]],
      (g, [x]) => g.op('Pad', [x!, g.constant('p', int64([1, 2])), '', g.constant('a', int64([-1]))], { mode: 'edge' }),
      { opset: 18 },
    ),
  ],
  Trilu: [
    one([[2, 3, 3]], op('Trilu'), { unranked: true }),
    one([[3, 4]], op('Trilu', { upper: 0 }, [int64([1], [])])),
  ],
  CenterCropPad: [
    one([[5, 2]], op('CenterCropPad', {}, [int64([2, 5])]), { opset: 18, unranked: true }),
    one([[2, 3, 4]], op('CenterCropPad', { axes: [-1, 0] }, [int64([1, 5])]), { opset: 18 }),
  ],
  DepthToSpace: [
    one([[2, 8, 1, 2]], op('DepthToSpace', { blocksize: 2 }), { unranked: true }),
    one([[1, 8, 2, 1]], op('DepthToSpace', { blocksize: 2, mode: 'CRD' }), { unranked: true }),
  ],
  SpaceToDepth: [one([[1, 2, 4, 2]], op('SpaceToDepth', { blocksize: 2 }), { unranked: true })],
};

/** Operators that pick or place elements by index. */
export const indexingCases: Cases = {
  Gather: [
    one([[5, 3]], op('Gather', {}, [int64([4, 1, 4, 0], [2, 2])]), { unranked: true }),
    one([[70, 2]], op('Gather', {}, [int64([69, 1, 1])])),
    one([[70, 2, 2]], op('Gather', {}, [int64([69, 1, -69, 3], [2, 2])])),
    one([[2, 4, 3]], op('Gather', { axis: 1 }, [int64([0], [])]), { unranked: true }),
    one([[2, 4, 3]], op('Gather', { axis: 1 }, [int64([-2])])),
    one([[2, 4, 3]], op('Gather', { axis: -2 }, [int64([3, -1, 0])]), { unranked: true }),
    one([[2, 3, 2, 2]], op('Gather', { axis: 1 }, [int64([2, 2])])),
    one([[4]], op('Gather', {}, [int64([1], [])])),
    one([[2, 5]], (g, [x]) => g.op('Gather', [x!, 'rows'], { axis: 1 }), { fed: { rows: int64([1, -1, 1]) } }),
    one([[70, 2]], op('Gather', {}, [int64([69, 1, 1])]), { opset: 13 }),
  ],
  GatherElements: [13, 17].map((opset) =>
    one([[3, 4]], op('GatherElements', { axis: 1 }, [int64([0, 0, 2, -1, 1, 1], [3, 2])]), { opset, unranked: true }),
  ),
  GatherND: [
    one([[3, 2, 2]], op('GatherND', {}, [int64([0, 1, 2, 0, 0, 1], [3, 2])]), { unranked: true }),
    one([[3, 2]], op('GatherND', {}, [int64([1, 1, 0], [3, 1])]), { opset: 13 }),
    one([[2, 3, 2]], op('GatherND', { batch_dims: 1 }, [int64([2, 0], [2, 1])])),
  ],
  Slice: [
    ...slice([4, 5], [1], [3], [1]),
    ...slice([4, 5], [1, -4], [4, 1000]),
    ...slice([4, 5], [3, 0], [-1000, 5], [0, -1], [-2, 2]),
    one([[4, 5]], (g, [x]) => g.op('Slice', [x!, 'starts', 'ends', 'axes']), {
      fed: { starts: int64([-3]), ends: int64([1 << 30]), axes: int64([1]) },
      unranked: true,
    }),
  ],
  Compress: [
    one([[2, 3]], op('Compress', {}, [bools(0, 1, 1, 0, 1)]), { unranked: true }),
    one([[2, 3]], op('Compress', { axis: -1 }, [bools(1, 0, 1)])),
  ],
  ReverseSequence: [
    one([[4, 2]], op('ReverseSequence', {}, [int64([3, 1])]), { unranked: true }),
    one([[2, 3, 2]], op('ReverseSequence', { batch_axis: 0, time_axis: 1 }, [int64([2, 3])])),
  ],
  ScatterElements: [
    ...['none', 'add', 'mul'].map((reduction) =>
      one(
        [
          [3, 3],
          [2, 3],
        ],
        (g, [x, u]) =>
          g.op('ScatterElements', [x!, g.constant('i', int64([1, 0, 2, 0, 2, -2], [2, 3])), u!], {
            axis: 0,
            ...(reduction === 'none' ? {} : { reduction }),
          }),
        { opset: reduction === 'none' ? 13 : 16, unranked: true },
      ),
    ),
    ...['add', 'mul', 'max', 'min'].map((reduction) =>
      one(
        [
          [2, 3],
          [2, 2],
        ],
        (g, [x, u]) =>
          g.op('ScatterElements', [x!, g.constant('i', int64([1, 1, 0, 2], [2, 2])), u!], { axis: 1, reduction }),
        { opset: 18 },
      ),
    ),
  ],
  ScatterND: [
    ...['none', 'add', 'mul', 'max', 'min'].map((reduction) =>
      one(
        [
          [4, 2],
          [2, 2],
        ],
        (g, [x, u]) =>
          g.op(
            'ScatterND',
            [x!, g.constant('i', int64([2, 0], [2, 1])), u!],
            reduction === 'none' ? {} : { reduction },
          ),
        { opset: reduction === 'none' ? 13 : 18, unranked: true },
      ),
    ),
    one([[2, 3], [3]], (g, [x, u]) =>
      g.op('ScatterND', [x!, g.constant('i', int64([1, 2, 0, 1, 1, 2], [3, 2])), u!], { reduction: 'add' }),
    ),
  ],
  TensorScatter: [
    ...['linear', 'circular'].map((mode) =>
      one(
        [
          [2, 2, 4, 2],
          [2, 2, 2, 2],
        ],
        (g, x) => g.op('TensorScatter', [...x, g.constant('at', int64(mode === 'linear' ? [1, 2] : [3, 0]))], { mode }),
        { opset: 24 },
      ),
    ),
    one(
      [
        [2, 3],
        [2, 2],
      ],
      op('TensorScatter', { axis: 1 }),
      { opset: 24 },
    ),
  ],
  OneHot: [
    one([[2]], (g, [v]) => g.op('OneHot', [g.constant('i', int64([0, 2, -1])), g.constant('d', int64([4])), v!]), {
      unranked: true,
    }),
    one([[2]], (g, [v]) =>
      g.op('OneHot', [g.constant('i', int64([0, 2, 7, 1], [2, 2])), g.constant('d', int64([3])), v!], { axis: 0 }),
    ),
  ],
  TopK: [
    one([[2, 5]], (g, [x]) => g.ops('TopK', [x!, g.constant('k', int64([2]))], {}, { outputs: 2 })[0]!, {
      unranked: true,
    }),
    one([[4, 2]], (g, [x]) =>
      g.ops('TopK', [x!, g.constant('k', int64([3]))], { axis: 0, largest: 0 }, { outputs: 2 }).slice(0, 1),
    ),
  ],
  Unique: [one([[2, 3]], op('Unique'), { unranked: true })],
  Range: [
    one([[], [], []], op('Range'), {
      wanted: [0, 2],
      draw: (x, index) => [0.3, 4, 0.8][index]! + 0.01 * x,
      unranked: true,
    }),
  ],
};
