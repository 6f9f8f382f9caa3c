/** The label of a token that takes no part in the loss, as in PyTorch and Hugging Face (`ignore_index`). */
export const IGNORED_LABEL = -100;
