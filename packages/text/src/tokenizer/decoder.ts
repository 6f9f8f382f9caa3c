import { fromByteCharacter } from '../tokenizer-training/byte-characters.ts';
import type { Component } from './normalizers.ts';
import { patternOf } from './pattern-of.ts';
import { hasSlowPatterns, withinTime } from './time-limit.ts';

/** Receives a token, in parts: `complete` with the last of them. */
type Emit = (part: string, complete: boolean) => void;

/** One step of a decoder, at work on one sequence: it says no more than what later tokens leave as it is. */
interface Stage {
  readonly push: Emit;
  /** No more tokens. */
  readonly end: () => void;
}

/** A step of a decoder that has seen nothing yet. */
type StartStage = (emit: Emit) => Stage;

/** Turns the tokens of one sequence into text. */
export interface TokenDecoder {
  push(token: string): string;
  flush(): string;
}

/**
 * The decoder that a tokenizer.json describes, as the Rust library decodes, made to work token by token: what `push`
 * returns is final, and all of it with `flush` is the text of the whole. Without a component, tokens are joined by
 * spaces. Throws for kinds and patterns that are not covered.
 */
export function tokenDecoder(component: Component | null | undefined): () => TokenDecoder {
  const steps = component ? stagesOf(component) : [rewriting((token, i) => (i > 0 ? ` ${token}` : token))];
  return () => {
    let made = '';
    let last: Stage = {
      push(part) {
        made += part;
      },
      end() {},
    };
    const stages: Stage[] = [];
    for (const start of steps.toReversed()) {
      last = start(last.push);
      stages.unshift(last);
    }
    const take = () => {
      const text = made;
      made = '';
      return text;
    };
    return {
      push(token) {
        last.push(token, true);
        return take();
      },
      flush() {
        for (const stage of stages) stage.end();
        return take();
      },
    };
  };
}

function stagesOf(component: Component): readonly StartStage[] {
  const { type } = component;
  if (type === 'Sequence') return (component.decoders as readonly Component[]).flatMap(stagesOf);
  const make = kinds[String(type)];
  if (!make) throw new Error(`decoder: expected ${Object.keys(kinds).join(', ')} or Sequence, got ${String(type)}`);
  return [make(component)];
}

const kinds: Readonly<Record<string, (component: Component) => StartStage>> = {
  ByteLevel: () => byteLevel,
  WordPiece(component) {
    const prefix = String(component.prefix ?? '##');
    return rewriting((token, i) => {
      const joined = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return component.cleanup === false ? joined : cleanUp(joined);
    });
  },
  Metaspace(component) {
    const mark = String(component.replacement ?? '\u2581');
    const prepended =
      (component.prepend_scheme ?? (component.add_prefix_space === false ? 'never' : 'always')) !== 'never';
    return rewriting((token, i) => token.replaceAll(mark, i === 0 && prepended ? '' : ' '));
  },
  Replace(component) {
    const pattern = patternOf(component.pattern);
    const content = component.content;
    if (typeof content !== 'string') throw new Error('decoder: expected content to put in');
    const replace = (token: string) => token.replace(pattern, () => content);
    return rewriting(hasSlowPatterns(component) ? (token) => withinTime(token, () => replace(token)) : replace);
  },
  BPEDecoder: (component) => wordEnds(String(component.suffix ?? '</w>')),
  CTC: (component) => connectionist(component),
  ByteFallback: () => byteFallback,
  Fuse: () => (emit) => ({
    push: (part) => emit(part, false),
    end: () => emit('', true),
  }),
  Strip({ content, start, stop }) {
    if (typeof content !== 'string' || Array.from(content).length !== 1) {
      throw new Error(`decoder: expected one character to strip, got ${JSON.stringify(content)}`);
    }
    return strip(content, Number(start ?? 0), Number(stop ?? 0));
  },
};

/** A step that reads whole tokens, so it waits for their parts. */
function whole(take: (token: string, emit: Emit) => void, end: (emit: Emit) => void, emit: Emit): Stage {
  let waiting = '';
  return {
    push(part, complete) {
      waiting += part;
      if (!complete) return;
      const token = waiting;
      waiting = '';
      take(token, emit);
    },
    end: () => end(emit),
  };
}

/** A step that rewrites each token by itself and its place in the sequence. */
function rewriting(rewrite: (token: string, index: number) => string): StartStage {
  return (emit) => {
    let index = 0;
    return whole(
      (token) => emit(rewrite(token, index++), true),
      () => {},
      emit,
    );
  };
}

const cleanups: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Spaces before punctuation and the ends of English contractions, as BERT's decoder takes them away. */
function cleanUp(text: string): string {
  return text.includes(' ') ? cleanups.reduce((made, [from, to]) => made.replaceAll(from, to), text) : text;
}

const utf8 = new TextEncoder();

/** All bytes make one text; a token with a character that stands for no byte is taken as it is. */
const byteLevel: StartStage = (emit) => {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return whole(
    (token) => {
      const bytes = Array.from(token, (character) => fromByteCharacter(character));
      const known = bytes.every((byte) => byte !== undefined);
      emit(decoder.decode(known ? Uint8Array.from(bytes) : utf8.encode(token), { stream: true }), false);
    },
    () => emit(decoder.decode(), true),
    emit,
  );
};

const byteToken = /^<0x([0-9A-Fa-f]{2})>$/;

/** Neighbouring `<0xNN>` are text when they are valid UTF-8 together, else U+FFFD each. */
const byteFallback: StartStage = (emit) => {
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    let text: string | undefined;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
    } catch {}
    if (text !== undefined) emit(text, true);
    else for (const _ of bytes) emit('\ufffd', true);
    bytes = [];
  };
  return whole(
    (token) => {
      const byte = byteToken.exec(token)?.[1];
      if (byte !== undefined) {
        bytes.push(Number.parseInt(byte, 16));
        return;
      }
      flush();
      emit(token, true);
    },
    flush,
    emit,
  );
};

/** Ends of words become spaces, but for the last. */
function wordEnds(suffix: string): StartStage {
  return (emit) => {
    let held: string | undefined;
    const release = (by: string) => {
      if (held !== undefined) emit(held.replaceAll(suffix, by), true);
      held = undefined;
    };
    return whole(
      (token) => {
        release(' ');
        held = token;
      },
      () => release(''),
      emit,
    );
  };
}

/** Connectionist temporal classification: repeated tokens count once, padding not at all. */
function connectionist(component: Component): StartStage {
  const pad = String(component.pad_token ?? '<pad>');
  const delimiter = String(component.word_delimiter_token ?? '|');
  return (emit) => {
    let before: string | undefined;
    return whole(
      (token) => {
        if (token === before) return;
        before = token;
        const kept = token.replaceAll(pad, '');
        const made = component.cleanup === false ? kept : cleanUp(kept).replaceAll(delimiter, ' ');
        if (made !== '') emit(made, true);
      },
      () => {},
      emit,
    );
  };
}

/** Takes at most so many of a character off both ends of each token. */
function strip(content: string, start: number, stop: number): StartStage {
  return (emit) => {
    let cut = 0;
    let begun = false;
    let held = '';
    const begin = () => {
      cut = 0;
      begun = false;
      held = '';
    };
    return {
      push(part, complete) {
        let text = held + part;
        while (!begun && cut < start && text.startsWith(content)) {
          text = text.slice(content.length);
          cut++;
        }
        begun ||= cut === start || text !== '';
        let end = text.length;
        for (let i = 0; i < stop && text.endsWith(content, end) && end > 0; i++) end -= content.length;
        held = text.slice(end);
        emit(text.slice(0, end), complete);
        if (complete) begin();
      },
      end() {},
    };
  };
}
