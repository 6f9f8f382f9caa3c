import type { TokenDecoder } from './decoder.ts';

/** Spaces that the `transformers` library takes away where `clean_up_tokenization_spaces` says so, in its order. */
const cleanups: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Decodes as `start` does and cleans up spaces before punctuation and the ends of English contractions. */
export function cleaningDecoder(start: () => TokenDecoder): () => TokenDecoder {
  return () => {
    const decoder = start();
    const steps = cleanups.map(([from, to]) => replacer(from, to));
    return {
      push: (token) => steps.reduce((text, step) => step.push(text), decoder.push(token)),
      flush: () => steps.reduce((text, step) => step.push(text) + step.flush(), decoder.flush()),
    };
  };
}

/** Replaces a text wherever it occurs in what comes in parts; holds back what may be the start of it. */
function replacer(from: string, to: string): TokenDecoder {
  let held = '';
  return {
    push(part) {
      const text = (held + part).replaceAll(from, to);
      let keep = Math.min(from.length - 1, text.length);
      while (keep > 0 && !from.startsWith(text.slice(text.length - keep))) keep--;
      held = text.slice(text.length - keep);
      return text.slice(0, text.length - keep);
    },
    flush() {
      const text = held;
      held = '';
      return text;
    },
  };
}
