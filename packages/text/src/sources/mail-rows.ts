import { isSlmError, type SlmError } from '@slm-compress/onnx';
import type { RawMail } from '../dataset.ts';
import { type MailText, readMail } from '../mail.ts';
import { readSpamAssassin } from './spam-assassin.ts';
import type { TextRow } from './text-row.ts';

/** Hears what became of each mail. */
export interface MailListener {
  readonly read?: (mail: MailText) => void;
  readonly unreadable?: (mail: RawMail, error: SlmError) => void;
}

/**
 * The texts of the SpamAssassin corpus, subject and body, labelled; mails that cannot be read are left out.
 * Throws SlmError `DATA_SOURCE` when its package is not installed for `baseDir`.
 */
export async function* mailRows(baseDir: string, { read, unreadable }: MailListener = {}): AsyncGenerator<TextRow> {
  for await (const raw of readSpamAssassin(baseDir)) {
    let mail: MailText;
    try {
      mail = await readMail(raw.content);
    } catch (error) {
      if (!isSlmError(error)) throw error;
      unreadable?.(raw, error);
      continue;
    }
    read?.(mail);
    yield { id: raw.id, where: raw.id, text: `${mail.subject}\n${mail.body}`, label: raw.label, repaired: false };
  }
}
