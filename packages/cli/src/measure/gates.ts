import type { Gates } from '@slm-compress/compress';
import type { Report, Row } from '../report/index.ts';

/** A gate with what was measured. */
export interface GateResult {
  readonly gate: keyof Gates;
  readonly met: boolean;
  /** For example `accuracy drop 0.4 points, at most 1.0 allowed`. */
  readonly message: string;
}

/** Holds the row `final` against a recipe's gates; the reference is the row that speed and size are compared with. */
export function checkGates(
  report: Pick<Report, 'rows'>,
  gates: Gates,
  { reference, final }: { readonly reference: string; readonly final: string },
): readonly GateResult[] {
  const row = rowOf(report, final);
  const base = rowOf(report, reference);
  const results: GateResult[] = [];
  const add = (gate: keyof Gates, met: boolean, message: string) => results.push({ gate, met, message });
  if (gates.maxDrop !== undefined) {
    const drop = base.accuracy - row.accuracy;
    const allowed = (gates.maxDrop * 100).toFixed(2);
    add(
      'maxDrop',
      drop <= gates.maxDrop + 1e-12,
      `accuracy drop ${(drop * 100).toFixed(2)} points, at most ${allowed} allowed`,
    );
  }
  if (gates.minAccuracy !== undefined) {
    const met = row.accuracy >= gates.minAccuracy - 1e-12;
    add(
      'minAccuracy',
      met,
      `accuracy ${(row.accuracy * 100).toFixed(2)} %, at least ${(gates.minAccuracy * 100).toFixed(2)} % asked`,
    );
  }
  if (gates.minSpeedup !== undefined) {
    const ratio =
      row.speedup?.against === reference ? row.speedup.ratio : (base.latencyMs?.p50 ?? 0) / (row.latencyMs?.p50 ?? 1);
    add(
      'minSpeedup',
      ratio >= gates.minSpeedup,
      `${ratio.toFixed(1)} times as fast, at least ${gates.minSpeedup} asked`,
    );
  }
  if (gates.minCompression !== undefined) {
    const ratio = (base.bytes ?? 0) / (row.bytes ?? 1);
    add(
      'minCompression',
      ratio >= gates.minCompression,
      `${ratio.toFixed(1)} times smaller, at least ${gates.minCompression} asked`,
    );
  }
  if (gates.maxBytes !== undefined) {
    add('maxBytes', (row.bytes ?? 0) <= gates.maxBytes, `${row.bytes} bytes, at most ${gates.maxBytes} allowed`);
  }
  return results;
}

function rowOf(report: Pick<Report, 'rows'>, name: string): Row {
  return report.rows.find((row) => row.name === name) ?? report.rows.at(-1)!;
}
