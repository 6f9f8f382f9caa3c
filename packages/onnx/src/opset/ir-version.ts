/**
 * The oldest IR version that a version of ai.onnx is published for, by the first opset that needs it: onnx's own table
 * (`OP_SET_ID_VERSION_MAP`).
 */
const irVersions: readonly (readonly [opset: number, irVersion: number])[] = [
  [1, 3],
  [9, 4],
  [10, 5],
  [11, 6],
  [12, 7],
  [15, 8],
  [19, 9],
  [21, 10],
  [23, 11],
  [24, 12],
  [25, 13],
  [28, 14],
];

/** The least IR version of a model with operators of an opset. */
export function irVersionOf(opset: number): number {
  return irVersions.findLast(([from]) => from <= opset)?.[1] ?? 3;
}
