import { SlmError } from '@slm-compress/onnx';
import { wellFormed } from '../well-formed.ts';
import type { Pieces } from './pipeline.ts';
import { specialCount, type Template, type TemplatePart, withoutSpecialTokens } from './post-processor.ts';
import { keptLengths, type Side, type TruncationStrategy, windowRanges } from './truncation.ts';

/** How a text becomes ids; what isn't given is as the tokenizer's files state. */
export interface EncodeOptions {
  /**
   * At most so many ids, special tokens included; by default what the `truncation` of tokenizer.json states, else no
   * limit.
   */
  readonly maxLength?: number;
  /** A second text, which follows the first as the tokenizer's template for pairs says. */
  readonly pair?: string;
  /** Put special tokens around; true by default. */
  readonly addSpecialTokens?: boolean;
  /** Which text loses tokens when both do not fit; `longest_first` where the files state nothing. */
  readonly truncation?: TruncationStrategy;
  /** The end of a text that is cut off; `right` where the files state nothing. */
  readonly truncationSide?: Side;
}

/** How a text becomes windows. */
export interface WindowOptions extends EncodeOptions {
  /** Tokens that neighbouring windows share; 0 where the files state nothing. */
  readonly stride?: number;
}

/** Token ids of one text, special tokens included. */
export interface EncodedText {
  readonly ids: Int32Array;
  /** The text had more tokens than fitted; special tokens at its ends are kept. */
  readonly truncated: boolean;
}

/** Token ids of one text or two; all arrays are `[length]`. Every id is to be attended to: there is no padding. */
export interface Encoding extends EncodedText {
  /** `token_type_ids`: which text a token belongs to, as the template states it. */
  readonly typeIds: Int32Array;
  /** 1 for the tokens the template adds. */
  readonly specialTokensMask: Uint8Array;
}

/** A part of a long text with its special tokens; `truncated` when the text has other windows too. */
export interface TokenWindow extends Encoding {
  /** The text of each id: 0 the first, 1 the second, -1 for special tokens around them. */
  readonly sequences: Int8Array;
  /** The UTF-16 units of its text that each id stands for; `[0, 0]` for special tokens around. */
  readonly offsets: readonly (readonly [number, number])[];
}

/** What the files of a tokenizer state about truncation. */
export interface TruncationDefaults {
  readonly maxLength?: number;
  readonly strategy: TruncationStrategy;
  readonly side: Side;
  readonly stride: number;
}

/** Ids of a text from its model; past `limit` ids it may stop. */
export type EncodeIds = (text: string, limit: number) => readonly number[];

interface Plan {
  readonly parts: readonly TemplatePart[];
  /** Ids left for texts. */
  readonly room: number;
  readonly strategy: TruncationStrategy;
  readonly side: Side;
}

/** The ways from texts to ids: template and truncation around a model. */
export interface TemplateEncoder {
  encode(text: string, options: EncodeOptions): Encoding;
  encodeWindows(text: string, options: WindowOptions): readonly TokenWindow[];
}

/** Puts a template and truncation around a model; `align` is for windows. */
export function templateEncoder(
  template: Template,
  defaults: TruncationDefaults,
  encodeIds: EncodeIds,
  align: (text: string) => Pieces,
): TemplateEncoder {
  const bare = withoutSpecialTokens(template);
  const planOf = (options: EncodeOptions): Plan => {
    const { addSpecialTokens = true, truncation: strategy = defaults.strategy } = options;
    const { maxLength = defaults.maxLength, truncationSide: side = defaults.side } = options;
    const parts = (addSpecialTokens ? template : bare)[options.pair === undefined ? 'single' : 'pair'];
    const special = specialCount(parts);
    if (maxLength !== undefined && (!Number.isInteger(maxLength) || maxLength < special)) {
      throw new SlmError(
        'TOKENIZER_OPTION',
        `maxLength: expected an integer of at least ${special} (the special tokens), got ${maxLength}`,
      );
    }
    oneOf('truncation', strategy, ['longest_first', 'only_first', 'only_second']);
    oneOf('truncationSide', side, ['left', 'right']);
    return { parts, room: (maxLength ?? Number.POSITIVE_INFINITY) - special, strategy, side };
  };
  return {
    encode(text, options) {
      const plan = planOf(options);
      const { room, side, strategy } = plan;
      if (options.pair === undefined) {
        const found = encodeIds(wellFormed(text), side === 'right' ? room : Number.POSITIVE_INFINITY);
        const [kept] = keptLengths([found.length], room, strategy);
        return assemble(plan, [cut(found, kept, side)], found.length > kept);
      }
      const texts = [text, options.pair].map((one) => encodeIds(wellFormed(one), Number.POSITIVE_INFINITY));
      const [first, second] = texts as [readonly number[], readonly number[]];
      const kept = keptLengths([first.length, second.length], room, strategy);
      return assemble(
        plan,
        [cut(first, kept[0], side), cut(second, kept[1], side)],
        kept[0] < first.length || kept[1] < second.length,
      );
    },
    encodeWindows(text, options) {
      const plan = planOf(options);
      const { room, side, strategy } = plan;
      const { stride = defaults.stride, pair } = options;
      const texts = (pair === undefined ? [text] : [text, pair]).map((one) => align(one));
      const lengths = texts.map(({ ids }) => ids.length) as [number] | [number, number];
      const kept = keptLengths(lengths, room, strategy);
      const cutTexts = lengths.flatMap((length, i) => (kept[i]! < length ? [i] : []));
      if (cutTexts.length === 0) return [windowOf(plan, texts.map(all), false)];
      if (cutTexts.length > 1 || (pair !== undefined && strategy === 'longest_first')) {
        throw new SlmError(
          'TOKENIZER_OPTION',
          'truncation: expected only_first or only_second for windows over a pair, got longest_first',
        );
      }
      const target = cutTexts[0]!;
      const size = kept[target]!;
      if (!Number.isInteger(stride) || stride < 0 || stride >= size) {
        throw new SlmError(
          'TOKENIZER_OPTION',
          `stride: expected an integer from 0 to ${size - 1} (a window has room for ${size} tokens), got ${stride}`,
        );
      }
      return windowRanges(lengths[target]!, size, stride, side).map((range) =>
        windowOf(
          plan,
          texts.map((pieces, i) => (i === target ? part(pieces, range) : pieces)),
          true,
        ),
      );
    },
  };
}

const all = (pieces: Pieces) => pieces;

const part = ({ ids, offsets }: Pieces, [from, to]: readonly [number, number]): Pieces => ({
  ids: ids.slice(from, to),
  offsets: offsets.slice(from, to),
});

function cut(ids: readonly number[], kept: number, side: Side): readonly number[] {
  if (kept >= ids.length) return ids;
  return side === 'right' ? ids.slice(0, kept) : ids.slice(ids.length - kept);
}

function assemble({ parts }: Plan, texts: readonly (readonly number[])[], truncated: boolean): Encoding {
  let length = 0;
  for (const one of parts) length += 'ids' in one ? one.ids.length : texts[one.sequence]!.length;
  const ids = new Int32Array(length);
  const typeIds = new Int32Array(length);
  const specialTokensMask = new Uint8Array(length);
  let at = 0;
  for (const one of parts) {
    const found = 'ids' in one ? one.ids : texts[one.sequence]!;
    ids.set(found, at);
    if (one.typeId !== 0) typeIds.fill(one.typeId, at, at + found.length);
    if ('ids' in one) specialTokensMask.fill(1, at, at + found.length);
    at += found.length;
  }
  return { ids, truncated, typeIds, specialTokensMask };
}

function windowOf(plan: Plan, texts: readonly Pieces[], truncated: boolean): TokenWindow {
  const encoding = assemble(
    plan,
    texts.map(({ ids }) => ids),
    truncated,
  );
  const sequences = new Int8Array(encoding.ids.length).fill(-1);
  const offsets: (readonly [number, number])[] = [];
  for (const one of plan.parts) {
    if ('ids' in one) for (const _ of one.ids) offsets.push([0, 0]);
    else {
      const found = texts[one.sequence]!.offsets;
      sequences.fill(one.sequence, offsets.length, offsets.length + found.length);
      for (const offset of found) offsets.push(offset);
    }
  }
  return { ...encoding, sequences, offsets };
}

function oneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) {
    throw new SlmError('TOKENIZER_OPTION', `${name}: expected ${allowed.join(', ')}, got ${JSON.stringify(value)}`);
  }
}
