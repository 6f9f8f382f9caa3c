import { SlmError } from '@slm-compress/onnx';
import type { TextRow } from '../sources/text-row.ts';
import type { TextTokenizer } from '../tokenizer.ts';
import type { TokenRow } from './token-file.ts';

/**
 * The tokens of texts or chats as they come, for `writeTokenFile`: a text with its special tokens, uncut, all of it learned; a
 * chat by the tokenizer's own template, its replies learned (a store with labels). Rows are texts or chats, as `chats` says.
 * Throws SlmError `DATA_ROW` for a row that is no chat among chats, `CHAT_TEMPLATE` as `encodeChat` does, and what the rows throw.
 */
export async function* tokenRows(
  rows: Iterable<Pick<TextRow, 'text' | 'messages'>> | AsyncIterable<Pick<TextRow, 'text' | 'messages'>>,
  tokenizer: Pick<TextTokenizer, 'encode' | 'encodeChat'>,
  options: { readonly chats?: boolean } = {},
): AsyncGenerator<TokenRow, void, undefined> {
  const { chats = false } = options;
  for await (const { text, messages } of rows) {
    if (!chats) {
      const { ids } = tokenizer.encode(text, { maxLength: Number.MAX_SAFE_INTEGER });
      yield { ids, bytes: Buffer.byteLength(text) };
      continue;
    }
    if (!messages)
      throw new SlmError(
        'DATA_ROW',
        `expected a chat with messages, got the text ${JSON.stringify(text.slice(0, 80))}`,
      );
    const turns = messages.map((message) => ({ ...message }));
    const { ids, labels } = tokenizer.encodeChat(turns);
    const replies = turns.filter(({ role }) => role === 'assistant');
    yield { ids, labels, bytes: replies.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0) };
  }
}
