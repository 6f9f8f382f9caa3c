import { type DataInspection, lengthThatKeeps, vocabularySize } from '@slm-compress/text';
import type { Architecture } from './schema.ts';

/** How long a proposed recipe may train on two cores: some 20 seconds, some minutes, up to an hour. */
export type RecipeSize = 'tiny' | 'small' | 'medium';

/** Sizes and rates of a recipe that fit a data set. */
export interface ProposedModels {
  readonly tokenizer: { readonly vocabSize: number; readonly maxLength: number };
  readonly teacher: ProposedTraining;
  readonly student: ProposedTraining;
  /** Epochs after pruning. */
  readonly recoveryEpochs: number;
  /** Padded tokens of one batch. */
  readonly tokenBudget: number;
  readonly tokenDropout: number;
  readonly samples: number;
  readonly gates: { readonly maxDrop: number; readonly minAccuracy: number; readonly minCompression: number };
  /** Seconds that training takes, on two cores of 20 GFLOPS. */
  readonly seconds: number;
}

export interface ProposedTraining {
  readonly architecture: Architecture;
  readonly epochs: number;
  readonly learningRate: number;
}

interface SizeLimits {
  /** Seconds for the teacher. */
  readonly seconds: number;
  /** Steps of training that are enough. */
  readonly steps: number;
  readonly vocabSize: number;
  readonly maxLength: number;
  /** Teachers from the largest, `[layers, hiddenSize, heads]`. */
  readonly teachers: readonly (readonly [number, number, number])[];
}

const limits: Readonly<Record<RecipeSize, SizeLimits>> = {
  tiny: {
    seconds: 5,
    steps: 400,
    vocabSize: 2048,
    maxLength: 64,
    teachers: [
      [1, 64, 2],
      [1, 32, 2],
    ],
  },
  small: {
    seconds: 120,
    steps: 1600,
    vocabSize: 8192,
    maxLength: 256,
    teachers: [
      [2, 128, 2],
      [2, 64, 2],
      [1, 64, 2],
    ],
  },
  medium: {
    seconds: 1200,
    steps: 5000,
    vocabSize: 16_384,
    maxLength: 512,
    teachers: [
      [4, 192, 4],
      [2, 128, 2],
      [2, 64, 2],
    ],
  },
};
const leastEpochs = 3;
const mostEpochs = 40;
const flopsPerSecond = 40e9;
/** Share of the rows that train when none are given to validate and test on. */
const trainShare = 0.7;

/**
 * Sizes for a data set, by its number of rows, lengths and labels: the largest teacher of the size that trains three epochs
 * in the size's time, a student of about half its width, epochs for enough steps. Where even the smallest teacher takes
 * too long, texts are cut shorter.
 */
export function proposeModels(inspection: DataInspection, size: RecipeSize): ProposedModels {
  const limit = limits[size];
  const { tokens, classes, rows } = inspection;
  const given = inspection.inputs.some(({ split }) => split === 'test');
  const trained = inspection.inputs.reduce(
    (sum, input) => sum + (given && input.split !== 'train' ? 0 : input.rows),
    0,
  );
  const trainRows = Math.max(1, (given ? 0.85 : trainShare) * trained);
  const lengths = (tokens?.truncation ?? []).filter(({ maxLength }) => maxLength <= limit.maxLength);
  let maxLength = lengthThatKeeps(lengths, 0.97)?.maxLength ?? 64;
  const tokensPerRow = () => Math.min(tokens?.lengths.mean ?? 32, maxLength) * 1.2;
  const secondsOf = (architecture: Architecture, epochs: number) =>
    (epochs * trainRows * tokensPerRow() * operations(architecture, maxLength)) / flopsPerSecond;
  const teachers = limit.teachers.map(([layers, hiddenSize, heads]) => encoder(layers, hiddenSize, heads));
  const fitting = () => teachers.find((architecture) => secondsOf(architecture, leastEpochs) <= limit.seconds);
  while (fitting() === undefined && maxLength > 32) maxLength = Math.max(32, maxLength / 2);
  const teacher = fitting() ?? teachers.at(-1)!;
  const many = (classes?.labels.length ?? 2) > 20;
  const width = Math.max(many ? 64 : 32, teacher.hiddenSize / 2);
  const student = encoder(1, Math.min(width, teacher.hiddenSize), 2);

  const tokensPerEpoch = trainRows * tokensPerRow();
  const tokenBudget = Math.min(4096, Math.max(256, 2 ** Math.round(Math.log2(tokensPerEpoch / 32))));
  const stepsPerEpoch = Math.max(1, tokensPerEpoch / tokenBudget);
  const epochs = (architecture: Architecture, steps: number) => {
    const affordable = Math.max(1, Math.floor(limit.seconds / Math.max(1e-9, secondsOf(architecture, 1))));
    const wanted = Math.min(mostEpochs, Math.max(leastEpochs, Math.round(steps / stepsPerEpoch)));
    return Math.min(affordable, wanted);
  };
  const teacherEpochs = epochs(teacher, limit.steps);
  const studentEpochs = epochs(student, 2 * limit.steps);
  const recoveryEpochs = Math.max(1, Math.round(studentEpochs / 3));
  const majority = classes?.majorityBaseline ?? 0.5;
  const testRows = Math.max(1, inspection.inputs.find(({ split }) => split === 'test')?.rows ?? 0.15 * rows);
  return {
    tokenizer: {
      vocabSize: Math.min(limit.vocabSize, vocabularySize(inspection.lengths.words.mean * rows)),
      maxLength,
    },
    teacher: { architecture: teacher, epochs: teacherEpochs, learningRate: teacher.hiddenSize >= 128 ? 1e-3 : 2e-3 },
    student: { architecture: student, epochs: studentEpochs, learningRate: 4e-3 },
    recoveryEpochs,
    tokenBudget,
    tokenDropout: (tokens?.lengths.percentiles.p50 ?? 0) >= 48 ? 0.3 : 0.1,
    samples: Math.max(32, Math.min(256, Math.floor(trainRows / 4))),
    gates: {
      // One standard error of a difference at even odds, never below two points.
      maxDrop: ceil2(Math.min(0.2, Math.max(0.02, 1 / Math.sqrt(testRows)))),
      minAccuracy: Math.round(100 * (majority + 0.1 * (1 - majority))) / 100,
      minCompression: 3,
    },
    seconds:
      secondsOf(teacher, teacherEpochs) +
      secondsOf(student, studentEpochs + recoveryEpochs) +
      secondsOf(teacher, 1) / 3,
  };
}

/** Mean pooling: a student of one layer that reads the first token only learns short texts far worse. */
function encoder(layers: number, hiddenSize: number, heads: number): Architecture {
  return { layers, hiddenSize, heads, intermediateSize: hiddenSize * (layers > 1 ? 4 : 2), pooling: 'mean' };
}

/** Operations that a step takes for a token: 6 a weight, and the products of attention. */
function operations({ layers, hiddenSize, intermediateSize }: Architecture, length: number): number {
  return 6 * layers * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize + 2 * length * hiddenSize);
}

function ceil2(value: number): number {
  return Math.ceil(100 * value - 1e-9) / 100;
}
