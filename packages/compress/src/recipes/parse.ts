import { readFile } from 'node:fs/promises';
import { SlmError } from '@slm-compress/onnx';
import { type Document, isMap, isNode, isPair, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import type { DataOptions } from './data-schema.ts';
import {
  dataRecipeSchema,
  parentsOf,
  type Recipe,
  recipeSchema,
  reservedNames,
  type Stage,
  startFolderOf,
} from './schema.ts';
import { nearest } from './suggest.ts';

type Path = readonly PropertyKey[];

/** Turns a path inside the recipe into `file:line:column`. */
type Locate = (path: Path, key?: PropertyKey) => string;

/** Reads and parses a recipe; `FILE_NOT_FOUND` when there is no such file, else as {@link parseRecipe}. */
export async function readRecipe(file: string): Promise<Recipe> {
  return parseRecipe(await readText(file), file);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new SlmError('FILE_NOT_FOUND', `${file}: expected a recipe, got ${code ?? 'no file'} (check the path)`, {
      cause: error,
    });
  }
}

/** The value of a document that has the shape of a schema, and how to name places in it. */
function parse<T extends z.ZodType>(
  text: string,
  file: string,
  schema: T,
): { readonly value: z.output<T>; readonly locate: Locate } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const syntax = document.errors[0];
  if (syntax !== undefined) throw new SlmError('RECIPE_INVALID', `${at(syntax.pos[0])}: ${firstLine(syntax.message)}`);
  const locate: Locate = (path, key) => at(offsetOf(document, path, key));
  const value: unknown = document.toJS();
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw toError(parsed.error, locate, value);
  return { value: parsed.data, locate };
}

/** The part of a recipe that says what data there is. */
export interface DataRecipe {
  readonly seed: number;
  readonly data: DataOptions;
}

/**
 * Reads the data section of a recipe, which need not have stages; throws as {@link readRecipe} for what is wrong in
 * that section or the seed.
 */
export async function readDataRecipe(file: string): Promise<DataRecipe> {
  return parse(await readText(file), file, dataRecipeSchema).value;
}

/**
 * Parses a YAML recipe and fills in the defaults. `file` only serves the messages.
 *
 * Throws `RECIPE_UNKNOWN_KEY` for a key that means nothing there and `RECIPE_INVALID` for everything else (syntax,
 * wrong types, unknown rows, two stages of one name); messages start with `file:line:column`.
 */
export function parseRecipe(text: string, file = 'recipe.yaml'): Recipe {
  const { value: raw, locate } = parse(text, file, recipeSchema);
  const stages = raw.stages.map(toStage);
  checkRows(stages, raw.report, locate);
  return {
    name: raw.name,
    seed: raw.seed,
    data: raw.data,
    tokenizer: raw.tokenizer,
    stages,
    report: {
      reference: raw.report.reference ?? stages[0]!.name,
      final: raw.report.final ?? stages.at(-1)!.name,
      gates: raw.report.gates,
    },
  };
}

function toStage(raw: z.output<typeof recipeSchema>['stages'][number]): Stage {
  const { name } = raw;
  if (raw.train) return { name, kind: 'train', options: raw.train };
  if (raw.distill) return { name, kind: 'distill', options: raw.distill };
  if (raw.prune) return { name, kind: 'prune', options: raw.prune };
  return { name, kind: 'quantize', options: raw.quantize! };
}

function checkRows(
  stages: readonly Stage[],
  report: { reference?: string | undefined; final?: string | undefined },
  locate: Locate,
): void {
  const known = new Map<string, Stage>();
  const need = (row: string, path: Path) => {
    if (known.has(row)) return;
    const near = nearest(row, known.keys());
    const hint =
      near === undefined ? `rows before it: ${[...known.keys()].join(', ') || 'none'}` : `did you mean "${near}"?`;
    throw new SlmError('RECIPE_INVALID', `${locate(path)}: expected an earlier stage, got "${row}" (${hint})`);
  };
  for (const [index, stage] of stages.entries()) {
    const path = ['stages', index];
    if (reservedNames.has(stage.name)) {
      throw new SlmError(
        'RECIPE_INVALID',
        `${locate([...path, 'name'])}: the name "${stage.name}" is taken by the run itself`,
      );
    }
    if (known.has(stage.name)) {
      throw new SlmError(
        'RECIPE_INVALID',
        `${locate([...path, 'name'])}: expected a new name, got a second "${stage.name}"`,
      );
    }
    const from = stage.kind === 'train' || stage.kind === 'distill' ? stage.options.from : undefined;
    if (from !== undefined && from !== startFolderOf(stage)) need(from, [...path, stage.kind, 'from']);
    if (stage.kind === 'distill') need(stage.options.teacher, [...path, 'distill', 'teacher']);
    if (stage.kind === 'quantize') need(stage.options.from, [...path, 'quantize', 'from']);
    if (stage.kind === 'prune') {
      need(stage.options.from, [...path, 'prune', 'from']);
      const teacher = stage.options.recovery?.teacher;
      if (teacher !== undefined) need(teacher, [...path, 'prune', 'recovery', 'teacher']);
    }
    for (const parent of parentsOf(stage)) {
      if (known.get(parent)?.kind === 'quantize') {
        const message = `expected an FP32 model, got the quantized row "${parent}"`;
        throw new SlmError('RECIPE_INVALID', `${locate([...path, stage.kind])}: ${message}`);
      }
    }
    known.set(stage.name, stage);
  }
  if (report.reference !== undefined) need(report.reference, ['report', 'reference']);
  if (report.final !== undefined) need(report.final, ['report', 'final']);
}

function toError(error: z.ZodError, locate: Locate, value: unknown): SlmError {
  const unknown = error.issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown?.code === 'unrecognized_keys') {
    const key = unknown.keys[0]!;
    const candidates = keysAt(unknown.path, value);
    const near = nearest(key, candidates);
    const hint = near === undefined ? `known here: ${candidates.join(', ')}` : `did you mean "${near}"?`;
    return new SlmError('RECIPE_UNKNOWN_KEY', `${locate(unknown.path, key)}: unknown key "${key}" (${hint})`);
  }
  const issue = error.issues[0]!;
  const where = issue.path.map(String).join('.') || 'recipe';
  return new SlmError('RECIPE_INVALID', `${locate(issue.path)}: ${where}: ${issue.message}${slipHint(issue, value)}`);
}

/** The allowed value that a wrong one is a slip of. */
function slipHint(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code !== 'invalid_value') return '';
  const given = valueAt(value, issue.path);
  const near = typeof given === 'string' ? nearest(given, issue.values.map(String)) : undefined;
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | undefined | null)?.[part], value);
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema & { readonly const?: unknown }>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** The keys the schema knows at `path`; of alternatives told apart by a constant, those of the one that `value` is. */
function keysAt(path: Path, value: unknown): readonly string[] {
  let schemas = [z.toJSONSchema(recipeSchema, { io: 'input', reused: 'inline' }) as JsonSchema];
  for (const [index, part] of [...path, undefined].entries()) {
    const here = valueAt(value, path.slice(0, index)) as Record<string, unknown> | undefined;
    const alternatives = schemas.flatMap((schema) => schema.anyOf ?? schema.oneOf ?? [schema]);
    const matching = alternatives.filter(({ properties = {} }) =>
      Object.entries(properties).every(([key, member]) => member.const === undefined || member.const === here?.[key]),
    );
    if (part === undefined) return matching.flatMap(({ properties }) => Object.keys(properties ?? {}));
    schemas = matching
      .map((schema) => (typeof part === 'number' ? schema.items : schema.properties?.[String(part)]))
      .filter((schema) => schema !== undefined);
  }
  return [];
}

/** Start of the node at `path`, or of its nearest ancestor that is there; with `key`, of that key inside it. */
function offsetOf(document: Document, path: Path, key?: PropertyKey): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (!isNode(node)) continue;
    if (key !== undefined && length === path.length && isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isNode(item.key) && item.key.toJSON() === key);
      if (pair !== undefined && isNode(pair.key)) return (pair.key as Node).range?.[0] ?? 0;
    }
    return node.range?.[0] ?? 0;
  }
  return 0;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
