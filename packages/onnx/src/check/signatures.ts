import type { AttributeValue, Node } from '../model.ts';
import { isDefaultDomain, operatorKey } from '../operator.ts';
import { microsoftSignatures } from './microsoft-signatures.ts';
import { onnxSignatures } from './onnx-signatures.ts';

export { microsoftSignatures, onnxSignatures };

/** The newest ai.onnx operator set the table knows. */
export const newestOpset = 28;

/** The operator-set domains whose operators the table has all of, up to a version. */
const completeDomains: Readonly<Record<string, number>> = {
  '': newestOpset,
  'ai.onnx': newestOpset,
  'ai.onnx.ml': 5,
  'ai.onnx.preview.training': 1,
  'ai.onnx.preview': 1,
};

/** Operators of ai.onnx's early days that have no schema but that checkers let pass. */
const withoutSchema = new Set(
  'ATen Affine ConstantFill Crop DynamicSlice GRUUnit GivenTensorFill ImageScaler ParametricSoftplus Scale ScaledTanh'.split(
    ' ',
  ),
);

/** Least and greatest number of inputs or outputs, and which of the required ones may be left out (`''`). */
export interface Count {
  readonly min: number;
  readonly max: number;
  readonly omissible: readonly number[];
}

/** An operator's signature from one version of its operator set on. */
export interface OperatorSignature {
  readonly since: number;
  readonly deprecated: boolean;
  readonly inputs: Count;
  readonly outputs: Count;
  readonly attributes: ReadonlyMap<string, { readonly kind: string; readonly required: boolean }>;
}

const parsed = new Map<string, readonly OperatorSignature[]>();

/**
 * The versions of an operator's signature by {@link operatorKey}, oldest first; none when the tables do not have it.
 *
 * A row of the tables is text: versions joined by ` | `, each `since inputs outputs attributes…` or `since deprecated`.
 * Counts are `2`, `1..3` or `1..` (no limit), with `?0,1` when those of the required ones may be omitted. Attributes are
 * `name:kind`, `name!:kind` when required; each version lists those it adds, and `-name` for those it takes away.
 */
export function signaturesOf(key: string): readonly OperatorSignature[] {
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const table = Object.hasOwn(onnxSignatures, key) ? onnxSignatures : microsoftSignatures;
  const text = Object.hasOwn(table, key) ? table[key] : undefined;
  const versions = text === undefined ? [] : parse(text);
  if (text !== undefined) parsed.set(key, versions);
  return versions;
}

/** The signature of a node's operator in a version of its operator set; `undefined` when the tables have none. */
export function signatureOf(node: Pick<Node, 'domain' | 'opType'>, version: number): OperatorSignature | undefined {
  return signaturesOf(operatorKey(node)).findLast(({ since }) => since <= version);
}

/** True when an operator without a signature does not exist, rather than being unknown to these tables. */
export function isComplete(node: Pick<Node, 'domain' | 'opType'>, version: number): boolean {
  const newest = Object.hasOwn(completeDomains, node.domain) ? completeDomains[node.domain]! : 0;
  return version <= newest && !(isDefaultDomain(node.domain) && withoutSchema.has(node.opType));
}

/** The name in the tables' domain that is nearest to an operator's by edits, when it is near. */
export function nearestOperator({ domain, opType }: Pick<Node, 'domain' | 'opType'>): string | undefined {
  const prefix = isDefaultDomain(domain) ? '' : `${domain}.`;
  let best: string | undefined;
  let least = Math.min(3, Math.floor(opType.length / 2)) + 1;
  if (opType.length > 64) return undefined;
  for (const key of [...Object.keys(onnxSignatures), ...Object.keys(microsoftSignatures)]) {
    const name = key.slice(prefix.length);
    if (!key.startsWith(prefix) || name.includes('.')) continue;
    const distance = edits(opType.toLowerCase(), name.toLowerCase());
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** True when an attribute value is of a kind that a signature names. */
export function isKind(value: AttributeValue, kind: string): boolean {
  if (value.kind === kind || value.kind === 'ref') return true;
  return kind === 'string' ? value.kind === 'bytes' : value.kind === 'raw' && rawKinds.has(kind);
}

/** Kinds whose values stay raw bytes. */
const rawKinds = new Set(['sparse', 'sparses', 'type', 'types']);

function parse(text: string): readonly OperatorSignature[] {
  const attributes = new Map<string, { kind: string; required: boolean }>();
  return text.split(' | ').map((version): OperatorSignature => {
    const [since, inputs, outputs, ...changes] = version.split(' ') as [string, string, string?, ...string[]];
    for (const change of changes) {
      if (change.startsWith('-')) attributes.delete(change.slice(1));
      else {
        const [name, kind] = change.split(':') as [string, string];
        attributes.set(name.replace('!', ''), { kind, required: name.endsWith('!') });
      }
    }
    const deprecated = inputs === 'deprecated';
    return {
      since: Number(since),
      deprecated,
      inputs: count(deprecated ? '0..' : inputs),
      outputs: count(outputs ?? '0..'),
      attributes: new Map([...attributes].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  });
}

function count(text: string): Count {
  const [range, omitted] = text.split('?') as [string, string?];
  const [min, max] = range.split('..') as [string, string?];
  return {
    min: Number(min),
    max: max === undefined ? Number(min) : max === '' ? Number.POSITIVE_INFINITY : Number(max),
    omissible: omitted?.split(',').map(Number) ?? [],
  };
}

/** Levenshtein distance. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
