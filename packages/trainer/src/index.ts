export type { Architecture } from './architectures/architecture.ts';
export * from './architectures/bert/bert.ts';
export * from './architectures/bert/bert-parameters.ts';
export * from './architectures/bert/config.ts';
export * from './architectures/bert/hf-weights.ts';
export * from './architectures/classifiers.ts';
export { buildDecoder, type DecoderForm } from './architectures/decoder/build-decoder.ts';
export type { DecoderActivation, DecoderConfig } from './architectures/decoder/decoder-config.ts';
export {
  decoderHead,
  decoderParameterShapes,
  initializeDecoder,
} from './architectures/decoder/decoder-parameters.ts';
export * from './architectures/decoder/decoders.ts';
export type { RotaryConfig, RotaryScaling } from './architectures/decoder/rotary.ts';
export type { DropoutSite } from './dropout.ts';
export * from './find-learning-rate.ts';
export * from './lora.ts';
export type { Loss } from './loss.ts';
export type { Optimizer } from './optimizer.ts';
export type { ParameterRule } from './parameter-groups.ts';
export { type PredictOptions, predictLogits, scoreLogits } from './predict.ts';
export {
  adaptPretrained,
  loadPretrained,
  type Pretrained,
  type PretrainedOptions,
} from './pretrained/load-pretrained.ts';
export { readStoredWeights } from './pretrained/stored-weights.ts';
export { type MetricsLine, readMetrics, recordTraining } from './records/record-training.ts';
export * from './safetensors.ts';
export * from './schedule.ts';
export type {
  DirectGradient,
  Draw,
  EvaluateOptions,
  Evaluation,
  ExampleFeeds,
  Examples,
  Objective,
  Task,
} from './task.ts';
export * from './tasks/classification.ts';
export * from './tasks/contrastive.ts';
export * from './tasks/language-model.ts';
export * from './tasks/regression.ts';
export * from './tasks/stored-sequences.ts';
export * from './tasks/token-classification.ts';
export { train } from './train.ts';
export type {
  TrainEvent,
  TrainOptions,
  TrainResult,
  ValidationRecord,
} from './train-options.ts';
export * from './training-step.ts';
