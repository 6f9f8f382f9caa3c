import type { Component } from './normalizers.ts';

/** The tokens of a tokenizer.json, added ones included. */
export interface Vocabulary {
  readonly tokens: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
  /** Highest id + 1. */
  readonly size: number;
  /** Tokens that `decode` leaves out unless told: the added ones called special. */
  readonly special: ReadonlySet<string>;
}

/** Reads the vocabulary of a model and the added tokens. Throws for ids that are not integers from 0. */
export function vocabularyOf(description: Component & { readonly model: Component }): Vocabulary {
  const { vocab } = description.model;
  const rows: readonly unknown[] = Array.isArray(vocab)
    ? vocab.map((row: unknown, id) => [Array.isArray(row) ? row[0] : row, id])
    : Object.entries(vocab as object);
  const ids = new Map(rows as readonly [string, number][]);
  const tokens = new Map<number, string>();
  const special = new Set<string>();
  let size = 0;
  const know = (token: string, id: number) => {
    if (typeof token !== 'string' || !Number.isInteger(id) || id < 0) {
      throw new Error(`vocabulary: expected tokens with ids from 0, got ${JSON.stringify([token, id])}`);
    }
    tokens.set(id, token);
    size = Math.max(size, id + 1);
  };
  for (const [token, id] of ids) know(token, id);
  const added = Array.isArray(description.added_tokens) ? (description.added_tokens as readonly Component[]) : [];
  for (const { id, content, special: isSpecial } of added as readonly {
    id: number;
    content: string;
    special?: boolean;
  }[]) {
    know(content, id);
    ids.set(content, id);
    if (isSpecial === true) special.add(content);
  }
  return { tokens, ids, size, special };
}
