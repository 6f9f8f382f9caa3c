import {
  decodeValueFile,
  type Graph,
  isInteger,
  type RuntimeValue,
  type Tensor,
  type Tensors,
  toNumbers,
  type ValueInfo,
} from '@slm-compress/onnx';

/** Reads the value file of a graph input or output by its declared type. */
export function readValue(bytes: Uint8Array, info: ValueInfo): RuntimeValue {
  const kind = info.container?.kind;
  return decodeValueFile(bytes, kind === 'sequence' || kind === 'optional' ? kind : 'tensor', info.name);
}

/** Values by the names of the graph's inputs. */
export function feedsOf(graph: Graph, files: readonly Uint8Array[]): Record<string, RuntimeValue> {
  return Object.fromEntries(
    files.map((bytes, index) => [graph.inputs[index]!.name, readValue(bytes, graph.inputs[index]!)]),
  );
}

/** The feeds as ONNX Runtime for Node takes them, or the kind of value that it does not take. */
export function ortFeeds(
  feeds: Readonly<Record<string, RuntimeValue>>,
): { readonly tensors: Tensors } | { readonly refused: string } {
  for (const value of Object.values(feeds)) {
    if ('kind' in value) return { refused: value.kind };
    if (/^(bfloat16|float8|float4|float6e|u?int[24]$|complex)/.test(value.type)) return { refused: value.type };
  }
  return { tensors: feeds as Tensors };
}

/**
 * Where `got` differs from `wanted`, or undefined. Floats may differ by 1e-7 + 1e-3 · |wanted|, the tolerance of the ONNX
 * project's own runner, or by four float32 roundings of the largest element (a sum that is 0 in exact arithmetic is noise
 * in float32); with `exact` they may not.
 */
export function difference(
  got: RuntimeValue | undefined,
  wanted: RuntimeValue | undefined,
  exact = false,
): string | undefined {
  if (got === undefined || wanted === undefined)
    return got === wanted ? undefined : `${got ? 'a value' : 'none'} for ${wanted ? 'a value' : 'none'}`;
  if ('kind' in got || 'kind' in wanted) return containerDifference(got, wanted, exact);
  if (got.type !== wanted.type) return `${got.type} for ${wanted.type}`;
  if (String(got.dims) !== String(wanted.dims)) return `[${got.dims}] for [${wanted.dims}]`;
  return tensorDifference(got, wanted, exact);
}

function containerDifference(got: RuntimeValue, wanted: RuntimeValue, exact: boolean): string | undefined {
  if (!('kind' in got) || !('kind' in wanted) || got.kind !== wanted.kind) return 'another kind of value';
  if (got.kind === 'optional' && wanted.kind === 'optional') return difference(got.value, wanted.value, exact);
  if (got.kind !== 'sequence' || wanted.kind !== 'sequence') return undefined;
  if (got.elements.length !== wanted.elements.length)
    return `${got.elements.length} elements for ${wanted.elements.length}`;
  return got.elements.map((element, index) => difference(element, wanted.elements[index], exact)).find(Boolean);
}

function tensorDifference(got: Tensor, wanted: Tensor, exact: boolean): string | undefined {
  const inexact = !exact && /^(float(16|32|64)|bfloat16|complex)/.test(wanted.type);
  const [a, b] = [numbers(got), numbers(wanted)];
  const noise = inexact ? 2 ** -22 * largest(b) : 0;
  if (a.length !== b.length) return `${a.length} stored values for ${b.length}`;
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    if (
      inexact &&
      Number.isFinite(Number(y)) &&
      Math.abs(Number(x) - Number(y)) <= Math.max(noise, 1e-7 + 1e-3 * Math.abs(Number(y)))
    )
      continue;
    return `element ${i}: ${x} for ${y}`;
  }
  return undefined;
}

/** Elements to compare: decoded floats, exact integers, texts. */
function numbers(tensor: Tensor): ArrayLike<number | bigint | string> {
  const plain = !ArrayBuffer.isView(tensor.data) || isInteger(tensor.type) || tensor.type === 'bool';
  return plain ? tensor.data : toNumbers(tensor);
}

function largest(elements: ArrayLike<number | bigint | string>): number {
  let most = 0;
  for (let i = 0; i < elements.length; i++) {
    const size = Math.abs(Number(elements[i]));
    if (size > most && size < Number.POSITIVE_INFINITY) most = size;
  }
  return most;
}
