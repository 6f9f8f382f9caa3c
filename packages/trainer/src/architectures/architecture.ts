import type { Model, Rng, Tensor } from '@slm-compress/onnx';

/**
 * What is known of the models of one `model_type`: how a Hugging Face folder describes and stores them, and how their graph is
 * built. Weights go by the graph's initializer names; tensors, by the names of the folder's state dict.
 *
 * Layers are numbered in the names (`….layer.N.…`, `….h.N.…`), which layer-wise rate decay and rules go by; matrices decay
 * and parameters of rank 1 do not (`groupParameters`).
 */
export interface Architecture<Config> {
  readonly modelType: string;
  /** Stored weight of the layer between encoder and classifier, which an encoder alone may lack. */
  readonly pooler: string;
  /**
   * The configuration in a `config.json`. Throws SlmError `CONFIG_INVALID`, the message starting with `where`, for a field that
   * is missing or out of its range.
   */
  readConfig(json: unknown, where: string): Config;
  /** The `config.json` that `transformers` reads; what it cannot say stands under `slm_compress`. */
  writeConfig(config: Config): Record<string, unknown>;
  /** Parameters of the graph in its order, with their shapes. */
  parameterShapes(config: Config): ReadonlyMap<string, readonly number[]>;
  /** A parameter before training. Each draws from its own fork of `rng`. */
  initialParameter(name: string, dims: readonly number[], rng: Rng): Tensor;
  /** Today's full name of a stored tensor that is named without prefix or in an older way; undefined for a buffer. */
  currentName(stored: string): string | undefined;
  /**
   * The graph's weights from tensors by their current names; those in `instead` are taken from there and need not be stored.
   * Throws SlmError `WEIGHTS_MISMATCH` for tensors that are missing or of other shapes.
   */
  fromStored(
    config: Config,
    stored: ReadonlyMap<string, Tensor>,
    instead?: ReadonlyMap<string, Tensor>,
  ): ReadonlyMap<string, Tensor>;
  /** The inverse of `fromStored`. Throws SlmError `WEIGHTS_MISMATCH`. */
  toStored(config: Config, weights: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor>;
  /** The graph, of given weights or of drawn ones. Throws SlmError `CONFIG_INVALID`, `WEIGHTS_MISMATCH`. */
  build(config: Config, weights: ReadonlyMap<string, Tensor> | { readonly rng: Rng }): Model;
}
