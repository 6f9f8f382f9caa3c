import { type DataInspection, isWorthIt, type RowColumns } from '@slm-compress/text';
import { type ProposedTraining, proposeModels, type RecipeSize } from './propose.ts';

/** What a recipe is made of. */
export interface RecipeDraft {
  /** Of the run. */
  readonly name: string;
  /** Relative to the recipe. */
  readonly path: string;
  readonly columns: RowColumns;
  /** Parts that the folder `path` has, by the names it gives them; empty where the rows are to be divided. */
  readonly parts: Readonly<Partial<Record<'train' | 'validation' | 'test', string>>>;
  readonly inspection: DataInspection;
  readonly size: RecipeSize;
  readonly seed: number;
  /** Columns that keep rows together or order them in time, for a comment. */
  readonly group?: string;
  readonly time?: string;
}

/**
 * A commented recipe in YAML for a data set: its columns, the cleaning steps its account calls for, a tokenizer and models
 * of a size that the data can fill and two cores can train, and gates.
 */
export function recipeText(draft: RecipeDraft): string {
  const { name, inspection, size, seed } = draft;
  const models = proposeModels(inspection, size);
  const { tokenizer, teacher, student, recoveryEpochs, tokenBudget, tokenDropout, samples, gates } = models;
  const common = `tokenBudget: ${tokenBudget}`;
  const training = ({ architecture: shape, epochs, learningRate }: ProposedTraining) => [
    `      architecture: { layers: ${shape.layers}, hiddenSize: ${shape.hiddenSize}, heads: ${shape.heads}, intermediateSize: ${shape.intermediateSize}, pooling: ${shape.pooling} }`,
    `      epochs: ${epochs}`,
    `      learningRate: ${learningRate}`,
    `      tokenDropout: ${tokenDropout}`,
    `      ${common}`,
  ];
  const { classes, rows } = inspection;
  return `${[
    `# ${rows.toLocaleString('en')} rows, ${classes?.labels.length ?? 0} labels; size ${size}: some ${durationText(models.seconds)} of training on two cores.`,
    `#   slm-compress run THIS_FILE        trains, compresses, measures`,
    `#   slm-compress serve                answers over HTTP with the result`,
    `name: ${name}`,
    `seed: ${seed}`,
    '',
    ...dataLines(draft),
    '',
    `# ${lengthNote(inspection, tokenizer.maxLength)}`,
    `tokenizer: { kind: wordpiece, vocabSize: ${tokenizer.vocabSize}, maxLength: ${tokenizer.maxLength} }`,
    '',
    'stages:',
    '  # The model to learn from and to compare with.',
    '  - name: teacher',
    '    train:',
    ...training(teacher),
    '',
    '  # A smaller one that learns from the labels and from what the teacher answers.',
    '  - name: student',
    '    distill:',
    '      teacher: teacher',
    ...training(student),
    '',
    '  # Half of its heads and feed-forward neurons, those that matter least, go; a little training repairs that.',
    '  - name: pruned',
    '    prune:',
    '      from: student',
    '      heads: 0.5',
    '      intermediate: 0.5',
    `      samples: ${samples}`,
    `      recovery: { teacher: teacher, epochs: ${recoveryEpochs}, learningRate: 0.002, tokenDropout: ${tokenDropout}, ${common} }`,
    '',
    '  # Weights and activations in 8 bits: the model to serve.',
    '  - name: int8',
    '    quantize:',
    '      from: pruned',
    `      calibration: { method: percentile, samples: ${samples} }`,
    '',
    '# A run that misses a gate ends with exit code 3.',
    'report:',
    '  reference: teacher',
    '  final: int8',
    `  # Always answering ${quote(classes?.labels[0]?.label ?? '')} is right in ${percent(classes?.majorityBaseline ?? 0)}.`,
    `  gates: { maxDrop: ${gates.maxDrop}, minAccuracy: ${gates.minAccuracy}, minCompression: ${gates.minCompression} }`,
  ].join('\n')}\n`;
}

function dataLines({ path, columns, parts, inspection, group, time }: RecipeDraft): readonly string[] {
  const named = Object.entries(columns).map(([what, column]) => `${what}: ${quote(column)}`);
  const cleaning = inspection.cleaning.filter((trial) => isWorthIt(trial) && addedSteps.includes(trial.step.step));
  const part = (name: keyof typeof parts) => `{ path: ${quote(path)}, split: ${quote(parts[name]!)} }`;
  const given = (['validation', 'test'] as const).filter((name) => parts[name] !== undefined);
  return [
    'data:',
    ...(parts.train !== undefined ? [`  inputs: [${part('train')}]`] : [`  source: ${quote(path)}`]),
    `  columns: { ${named.join(', ')} }`,
    ...(inspection.wrongRows > 0
      ? [
          `  # ${inspection.wrongRows.toLocaleString('en')} rows cannot be read; "error" stops at the first.`,
          '  onBadRow: drop',
        ]
      : []),
    ...(cleaning.length > 0
      ? [
          `  # ${cleaning.map(({ step, share }) => `${step.step}: for ${percent(share)} of the rows`).join('; ')}.`,
          `  cleaning: [${[...cleaning.map(({ step }) => flow(step)), 'standard'].join(', ')}]`,
        ]
      : []),
    '  # Equal texts count once, and so do texts whose word 3-shingles are this similar.',
    '  duplicates: { near: 0.8 }',
    ...given.map((split) => `  ${split}: [${part(split)}]`),
    ...splitLines(given, group, time),
  ];
}

/** Steps that the standard ones lack, in the order in which they are worth it. */
const addedSteps: readonly string[] = ['html-to-text', 'mojibake', 'repetition'];

function splitLines(given: readonly string[], group: string | undefined, time: string | undefined): readonly string[] {
  const notes = [
    ...(group === undefined ? [] : [`by: group and columns.group: ${quote(group)} keep its rows on one side`]),
    ...(time === undefined ? [] : [`by: time and columns.time: ${quote(time)} test on the latest rows`]),
  ];
  const shares = [
    ...(given.includes('validation') ? [] : ['validation: 0.15']),
    ...(given.includes('test') ? [] : ['test: 0.15']),
  ];
  return [
    ...notes.map((note) => `  # ${note}.`),
    ...(shares.length === 0 ? [] : [`  split: { by: stratified, ${shares.join(', ')} }`]),
  ];
}

function lengthNote({ tokens }: DataInspection, maxLength: number): string {
  const found = tokens?.truncation.find((entry) => entry.maxLength === maxLength);
  if (found === undefined) return `Texts are cut to ${maxLength} tokens.`;
  return `${maxLength} tokens keep ${percent(1 - found.tokensLost)} of the tokens and cut ${percent(found.textsCut)} of the texts.`;
}

/** A step as a recipe writes it: its name, or with options in braces. */
function flow(step: { readonly step: string }): string {
  const options = Object.entries(step).filter(([key]) => key !== 'step');
  if (options.length === 0) return step.step;
  return `{ step: ${step.step}, ${options.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ')} }`;
}

/** A scalar: plain where YAML reads the same text, else in quotes. */
function quote(text: string): string {
  return /^[A-Za-z][\w./-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function durationText(seconds: number): string {
  return seconds < 90 ? `${Math.max(5, Math.round(seconds / 5) * 5)} seconds` : `${Math.round(seconds / 60)} minutes`;
}
