import type { ContaminationAccount, DuplicateAccount, RowAccount } from '@slm-compress/text';
import pc from 'picocolors';
import { oneLine } from './data-inspection-text.ts';
import { table } from './inspection-text.ts';
import { integer, percent } from './report/wording.ts';
import type { PreparedData } from './tasks/task.ts';

/** Labels shown of a set that has many. */
const SHOWN = 20;

/** The account of prepared data for the terminal: where every row went. */
export function dataAccountText(made: PreparedData): string {
  const { account, folder, status } = made;
  const { validation, test, unlabelled } = account;
  const sections = [
    pc.bold(`${made.name}  ${folder}${status === 'cached' ? '  unchanged' : ''}`),
    ...rowsText('train', account, account.duplicates, account.contamination),
    ...(validation === undefined ? [] : rowsText('validation, as given', validation)),
    ...(test === undefined ? [] : rowsText('test, as given', test)),
    ...(unlabelled === undefined
      ? []
      : rowsText('unlabelled', unlabelled, unlabelled.duplicates, unlabelled.contamination)),
    partsText(made),
    `digest ${made.digest}`,
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

function rowsText(
  part: string,
  account: RowAccount,
  duplicates?: DuplicateAccount,
  contamination?: ContaminationAccount,
): readonly string[] {
  const { read, kept, inputs } = account;
  const head = [
    `${pc.bold(part)}  ${integer(read)} rows read, ${integer(kept)} kept`,
    ...inputs.map(({ path, rows, files }) => `  ${path}  ${integer(rows)} rows of ${integer(files)} files`),
    ...(duplicates === undefined ? [] : [`  ${duplicatesText(duplicates)}`]),
    ...(contamination === undefined ? [] : [`  ${contaminationText(contamination)}`]),
  ];
  return [head.join('\n'), droppedText(account), stepsText(account)];
}

function duplicatesText({ groups, pairs, candidates, threshold }: DuplicateAccount): string {
  if (threshold === undefined) return `duplicates: ${integer(groups)} groups of equal texts`;
  return `duplicates: ${integer(groups)} groups, ${integer(pairs)} pairs of similarity ${threshold} or more among ${integer(candidates)} compared`;
}

function contaminationText({ rows, equal, found, threshold }: ContaminationAccount): string {
  return `in validation or test: ${integer(rows)} rows of similarity ${threshold} or more, ${integer(equal)} of them equal; they hit ${integer(found)} rows there`;
}

function droppedText({ dropped, examples, read, inputs }: RowAccount): string {
  const rows = Object.entries(dropped)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => {
      const shown = examples[reason]?.map(({ id, text, like, similarity }) => {
        const other =
          like === undefined ? '' : ` ~ ${like}${similarity === undefined ? '' : ` ${similarity.toFixed(2)}`}`;
        return `${id}${other}: ${oneLine(text, 44)}`;
      });
      const lines = shown ?? inputs.flatMap((input) => input.examples).map((line) => oneLine(line, 70));
      return [reason, integer(count), percent(count / Math.max(1, read)), lines.slice(0, 3).join('\n')];
    });
  return rows.length === 0 ? '' : table(['dropped', 'rows', 'share', 'examples'], rows, [1, 2]);
}

function stepsText({ steps }: RowAccount): string {
  const rows = steps
    .filter((step) => step.rows > 0)
    .map(({ step, rows: changed, characters, examples = [] }) => {
      const shown = examples.find(({ after }) => after !== undefined);
      const example = shown === undefined ? '' : `${oneLine(shown.before, 32)} → ${oneLine(shown.after!, 32)}`;
      return [step, integer(changed), integer(characters), example];
    });
  return rows.length === 0 ? '' : table(['cleaning', 'rows', 'characters less', 'example'], rows, [1, 2]);
}

function partsText({ counts, labels }: PreparedData): string {
  const parts = Object.keys(counts).filter((part) => part !== 'unlabelled' || counts[part]! > 0);
  const row = (name: string, values: Readonly<Record<string, unknown>>) => [
    name,
    ...parts.map((part) => integer(Number(values[part] ?? 0))),
  ];
  const shown = labels.slice(0, SHOWN).map((label) => row(label.label, label));
  if (labels.length > SHOWN) shown.push([`${labels.length - SHOWN} more labels`]);
  return table(['label', ...parts], [...shown, row('all', counts)], [1, 2, 3, 4]);
}
