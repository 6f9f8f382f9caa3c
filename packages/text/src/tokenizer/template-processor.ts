/** The `TemplateProcessing` that puts special tokens before and behind a text; of a pair, the second has type 1. */
export function templateProcessor(
  before: readonly string[],
  behind: readonly string[],
  idOf: (token: string) => number,
  /** As in BERT, nothing stands before the second text of a pair. */
  bert = false,
): object {
  const special = (tokens: readonly string[], type: number) =>
    tokens.map((id) => ({ SpecialToken: { id, type_id: type } }));
  const sequence = (id: 'A' | 'B', type: number) => ({ Sequence: { id, type_id: type } });
  const first = [...special(before, 0), sequence('A', 0), ...special(behind, 0)];
  const again = bert ? [] : special(before, 1);
  return {
    type: 'TemplateProcessing',
    single: first,
    pair: [...first, ...again, sequence('B', 1), ...special(behind, 1)],
    special_tokens: Object.fromEntries(
      [...before, ...behind].map((token) => [token, { id: token, ids: [idOf(token)], tokens: [token] }]),
    ),
  };
}

/** The `TemplateProcessing` of texts as `<s> $A </s>` and `<s> $A </s> $B`, in which every token has the type 0. */
export function untypedProcessor(single: string, pair: string, idOf: (token: string) => number): object {
  const parts = (text: string) =>
    text.split(' ').map((id) => {
      return id.startsWith('$') ? { Sequence: { id: id.slice(1), type_id: 0 } } : { SpecialToken: { id, type_id: 0 } };
    });
  const tokens = new Set(pair.split(' ').filter((id) => !id.startsWith('$')));
  return {
    type: 'TemplateProcessing',
    single: parts(single),
    pair: parts(pair),
    special_tokens: Object.fromEntries([...tokens].map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }])),
  };
}
