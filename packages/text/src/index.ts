export * from './batches/batch-job.ts';
export * from './batches/ignored-label.ts';
export * from './batches/mask-tokens.ts';
export * from './batches/pack.ts';
export * from './batches/plan-batches.ts';
export { type PrefetchOptions, prefetchBatches } from './batches/prefetch.ts';
export * from './batches/reply-labels.ts';
export * from './batches/token-file.ts';
export * from './batches/token-rows.ts';
export * from './batches/token-store.ts';
export * from './batches.ts';
export * from './bootstrap.ts';
export * from './choose-naive-bayes.ts';
export * from './cleaning/cleaner.ts';
export * from './cleaning/decontaminate.ts';
export { standardCleaning } from './cleaning/standard.ts';
export type { CharacterClass, CleaningStep, CleaningStepName, PlaceholderKind } from './cleaning/steps.ts';
export * from './data-folder.ts';
export * from './dataset.ts';
export * from './duplicates/exact-duplicates.ts';
export { createShingler, jaccard, type ShingleKind, type Shingler } from './duplicates/shingles.ts';
export * from './html.ts';
export { adviceFor, isWorthIt, lengthThatKeeps } from './inspection/advice.ts';
export type { ColumnKind, ColumnProfile } from './inspection/column-profile.ts';
export * from './inspection/columns.ts';
export * from './inspection/data-inspection.ts';
export type { ExampleRow } from './inspection/example-row.ts';
export * from './inspection/inspect-data.ts';
export type { LengthAccount } from './inspection/lengths.ts';
export type { TokenAccount } from './inspection/tokens.ts';
export * from './mail.ts';
export * from './mcnemar.ts';
export * from './metrics/agreement.ts';
export * from './metrics/answers.ts';
export * from './metrics/calibration.ts';
export * from './metrics/class-averages.ts';
export * from './metrics/correlation.ts';
export * from './metrics/holm.ts';
export * from './metrics/language-model.ts';
export * from './metrics/multi-label.ts';
export * from './metrics/probability-losses.ts';
export * from './metrics/ranking.ts';
export * from './metrics/regression.ts';
export type { ZeroDivision } from './metrics/zero-division.ts';
export * from './metrics.ts';
export {
  type NaiveBayes,
  type NaiveBayesJson,
  type NaiveBayesOptions,
  naiveBayes,
  naiveBayesFromJSON,
} from './naive-bayes.ts';
export * from './near-duplicates.ts';
export { digestSplits } from './prepare/digest.ts';
export * from './prepare.ts';
export { findDataFiles, folderParts, type RowFormat } from './sources/data-files.ts';
export { type ResolvedInputs, resolveInputs } from './sources/data-inputs.ts';
export * from './sources/open-rows.ts';
export type { ChatMessage, RowColumns, TextRow } from './sources/text-row.ts';
export { stratifiedSplit } from './split.ts';
export * from './splits/split-record.ts';
export {
  type PartName,
  type RowSplit,
  type SplitMethod,
  type SplitRow,
  splitRows,
} from './splits/split-rows.ts';
export type { ChatOptions, ChatTurn, RenderedChat } from './tokenizer/chat-template.ts';
export type {
  EncodedText,
  EncodeOptions,
  Encoding,
  TokenWindow,
  WindowOptions,
} from './tokenizer/encode-text.ts';
export type { Side, TruncationStrategy } from './tokenizer/truncation.ts';
export {
  type DecodeOptions,
  type EncodeChatOptions,
  type EncodedChat,
  type IncrementalDecoder,
  loadTokenizer,
  type TextTokenizer,
  type Tokenizer,
} from './tokenizer.ts';
export {
  type SpecialRole,
  specialTokens,
  type TokenizerFiles,
  wordPieceFiles,
  writeTokenizer,
} from './tokenizer-files.ts';
export { type ChatPreset, chatTemplates } from './tokenizer-training/chat-templates.ts';
export * from './tokenizer-training/inspect-tokenizer.ts';
export * from './tokenizer-training/prune-vocabulary.ts';
export * from './tokenizer-training/read-tokenizer-files.ts';
export * from './tokenizer-training/train-tokenizer.ts';
export type { TemplateKind } from './tokenizer-training/trained-files.ts';
export type { TokenizerKind, UnicodeForm } from './tokenizer-training/words.ts';
export * from './whole-text.ts';
export * from './wordpiece.ts';
