import type { Component } from './normalizers.ts';

/** A part of what a tokenizer makes of one text or two: the tokens of one of them, or special tokens around. */
export type TemplatePart =
  | { readonly sequence: 0 | 1; readonly typeId: number }
  | { readonly ids: readonly number[]; readonly typeId: number };

/** What stands around one text and around two. */
export interface Template {
  readonly single: readonly TemplatePart[];
  readonly pair: readonly TemplatePart[];
}

const first = { sequence: 0, typeId: 0 } as const;
const second = { sequence: 1, typeId: 1 } as const;
const bare: Template = { single: [first], pair: [first, second] };

/** The texts of a template alone, as they are when special tokens are not wanted. */
export function withoutSpecialTokens({ single, pair }: Template): Template {
  const isText = (part: TemplatePart) => 'sequence' in part;
  return { single: single.filter(isText), pair: pair.filter(isText) };
}

/** How many special tokens a template adds. */
export function specialCount(parts: readonly TemplatePart[]): number {
  let count = 0;
  for (const part of parts) if ('ids' in part) count += part.ids.length;
  return count;
}

/**
 * The template of the post-processor that a tokenizer.json describes: TemplateProcessing, BertProcessing,
 * RobertaProcessing, ByteLevel, or a Sequence with at most one of the first three. Throws for anything else.
 */
export function createTemplate(component: Component | null | undefined): Template {
  if (component === null || component === undefined) return bare;
  switch (component.type) {
    case 'ByteLevel':
      return bare;
    case 'Sequence': {
      const processors = (component.processors as readonly Component[]).filter(({ type }) => type !== 'ByteLevel');
      if (processors.length > 1) throw new Error('post_processor: expected one template in a Sequence, got more');
      return createTemplate(processors[0]);
    }
    case 'BertProcessing': {
      const cls = { ids: [idOf(component.cls)], typeId: 0 };
      const sep = { ids: [idOf(component.sep)], typeId: 0 };
      return { single: [cls, first, sep], pair: [cls, first, sep, second, { ...sep, typeId: 1 }] };
    }
    case 'RobertaProcessing': {
      const cls = { ids: [idOf(component.cls)], typeId: 0 };
      const sep = { ids: [idOf(component.sep)], typeId: 0 };
      return { single: [cls, first, sep], pair: [cls, first, sep, sep, { ...second, typeId: 0 }, sep] };
    }
    case 'TemplateProcessing': {
      const special = (component.special_tokens ?? {}) as Readonly<Record<string, Component>>;
      const parts = (list: unknown, sequences: 1 | 2) => {
        const made = (list as readonly Component[]).map((part) => templatePart(part, special));
        for (const wanted of [0, 1]) {
          const count = made.filter((part) => 'sequence' in part && part.sequence === wanted).length;
          if (count !== (wanted < sequences ? 1 : 0)) {
            throw new Error(`post_processor: expected each text once, got text ${wanted ? 'B' : 'A'} ${count} times`);
          }
        }
        return made;
      };
      return {
        single: parts(component.single, 1),
        pair: Array.isArray(component.pair) && component.pair.length > 0 ? parts(component.pair, 2) : bare.pair,
      };
    }
    default:
      throw new Error(`post_processor: expected a kind this library knows, got ${String(component.type)}`);
  }
}

function templatePart(part: Component, special: Readonly<Record<string, Component>>): TemplatePart {
  const [kind, value] = Object.entries(part)[0] ?? [];
  const { id, type_id } = (value ?? {}) as Component;
  const typeId = Number.isInteger(type_id) ? (type_id as number) : 0;
  if (kind === 'Sequence') return { sequence: id === 'B' ? 1 : 0, typeId };
  const ids = kind === 'SpecialToken' && Object.hasOwn(special, String(id)) ? special[String(id)]!.ids : undefined;
  if (!Array.isArray(ids) || !ids.every((one) => Number.isInteger(one) && one >= 0)) {
    throw new Error(`post_processor: expected the ids of ${JSON.stringify(id)} among special_tokens`);
  }
  return { ids, typeId };
}

function idOf(pair: unknown): number {
  if (Array.isArray(pair) && Number.isInteger(pair[1])) return pair[1];
  throw new Error(`post_processor: expected a token with its id, got ${JSON.stringify(pair)}`);
}
