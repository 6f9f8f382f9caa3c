import { accuracyAgainstLatency, latencyDistributions, sizeBars, trainingCurves } from './charts.ts';
import { element, figure, section } from './elements.ts';
import { htmlPage } from './page.ts';
import type { Report } from './schema.ts';
import {
  confusions,
  dataAccount,
  description,
  hero,
  method,
  pairedTests,
  perClass,
  results,
  stageChanges,
  trials,
  warnings,
} from './sections.ts';
import { ancestry, orderedRows } from './wording.ts';

/**
 * The report as one HTML page: style and charts inline, no script, no reference to any other file or host. Equal
 * reports give equal pages.
 */
export async function htmlReport(report: Report): Promise<string> {
  const rows = orderedRows(report.rows);
  const lineage = ancestry(report).map(({ name }) => name);
  const [scatter, sizes, latencies, curves] = [
    await accuracyAgainstLatency(rows, lineage),
    await sizeBars(rows, lineage[0]),
    await latencyDistributions(rows),
    await trainingCurves(report.stages),
  ];
  return htmlPage({
    title: `${report.name} · report`,
    description: description(report),
    hero: hero(report),
    main: [
      warnings(report),
      scatter || sizes
        ? section(
            'overview',
            'Accuracy, speed and size',
            'Up and to the left is better. Bars show 95 % intervals: where they overlap widely, ask the paired test.',
            element(
              'div',
              { class: 'stack' },
              scatter && figure('Accuracy against latency', 'the line follows the steps to the result', scatter),
              sizes && figure('Size of the model file', 'the .onnx file on disk', sizes),
            ),
          )
        : null,
      stageChanges(report),
      results(report),
      latencies &&
        section(
          'latency',
          'Latency distributions',
          'How steady each model is: a narrow shape is a predictable model.',
          figure('Latency of the engine alone', 'dark line: median; coloured line: 99th percentile', latencies),
        ),
      confusions(report),
      perClass(report),
      pairedTests(report),
      curves.length > 0
        ? section(
            'training',
            'Training',
            'Measured on the validation texts after every epoch; a dot marks the epoch whose weights were kept.',
            element(
              'div',
              { class: 'pair' },
              ...curves.map((curve, i) =>
                figure(
                  ['Validation accuracy', 'Validation loss'][i]!,
                  ['higher is better', 'lower is better'][i]!,
                  curve,
                ),
              ),
            ),
          )
        : null,
      trials(report),
      dataAccount(report),
      method(report),
    ],
    footer: `${report.createdBy} · report format ${report.schemaVersion}`,
  });
}
