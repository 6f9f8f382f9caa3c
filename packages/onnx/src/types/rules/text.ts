import type { Dim } from '../../model.ts';
import { attributeOf, intsOf, type TypeRule, tensor, withLast } from '../rule.ts';

/** Operators on strings (elementwise ones are among the elementwise). */
export const textRules: Readonly<Record<string, TypeRule>> = {
  StringNormalizer: ({ node, inputs: [x] }) => {
    const stopwords = attributeOf(node, 'stopwords');
    const keeps = stopwords?.kind !== 'strings' || stopwords.value.length === 0;
    return [tensor('string', keeps ? x?.dims : withLast(x?.dims, undefined))];
  },
  StringSplit: ({ inputs: [x] }) => [tensor('string', x?.dims && [...x.dims, undefined]), tensor('int64', x?.dims)],
  TfIdfVectorizer: ({ node, inputs: [x] }) => {
    const size: Dim = (intsOf(node, 'ngram_indexes') ?? []).reduce((most, index) => Math.max(most, index + 1), 0);
    return [tensor('float32', x?.dims && [...x.dims.slice(0, -1), size])];
  },
};
