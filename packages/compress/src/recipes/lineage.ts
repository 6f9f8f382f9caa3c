import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { SlmError } from '@slm-compress/onnx';
import { z } from 'zod';
import { sha256 } from '../sha256.ts';
import { canonicalJson, digestOf } from './keys.ts';

const parentSchema = z.object({
  role: z.enum(['from', 'teacher']),
  name: z.string(),
  /** Path of the parent's folder, relative to the folder that holds the manifest. */
  folder: z.string(),
  digest: z.string(),
});

const lineageSchema = z.object({
  name: z.string(),
  kind: z.enum(['data', 'tokenizer', 'baseline', 'train', 'distill', 'prune', 'quantize']),
  /** Key of the stage that made it, as `planRecipe` computes it. */
  key: z.string(),
  seed: z.number(),
  options: z.unknown(),
  parents: z.array(parentSchema),
  /** The data it was made from; `folder` relative to the folder that holds the manifest. */
  data: z.object({ folder: z.string(), name: z.string(), digest: z.string() }).optional(),
  tokenizer: z.string().optional(),
  versions: z.record(z.string(), z.string()),
  metrics: z.record(z.string(), z.number()),
  findings: z.array(z.object({ kind: z.enum(['patched', 'skipped']), where: z.string(), message: z.string() })),
  /** Validation after every epoch, where the stage trained. */
  history: z.array(
    z.object({
      epoch: z.number(),
      trainLoss: z.number().optional(),
      validationLoss: z.number(),
      validationAccuracy: z.number(),
      best: z.boolean().optional(),
    }),
  ),
});

const manifestSchema = lineageSchema.extend({
  version: z.literal(1),
  /** Path of the graph inside a model folder. */
  file: z.string().optional(),
  files: z.record(z.string(), z.object({ bytes: z.number(), sha256: z.string() })),
});

/**
 * What an artefact folder was made from, with which options, seed and versions, and what came out. Holds neither times
 * nor absolute paths, so that equal inputs give equal bytes.
 */
export type Lineage = z.output<typeof lineageSchema>;

/** A lineage with the digests of the folder's files: `manifest.json` as a run writes it. */
export type StageManifest = z.output<typeof manifestSchema>;

/** Reads `manifest.json` of a folder; undefined when there is none. Throws `MANIFEST_INVALID` when a run did not write it. */
export async function readStageManifest(folder: string): Promise<StageManifest | undefined> {
  const path = join(folder, 'manifest.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    const message = `${path}: expected the manifest of a stage, got something else (make the folder again)`;
    throw new SlmError('MANIFEST_INVALID', message, { cause });
  }
}

/** One digest for all files of a folder but its README: equal digests mean equal artefacts. */
export function artefactDigest(manifest: Pick<StageManifest, 'files'>): string {
  const { 'README.md': _, ...files } = manifest.files;
  return digestOf(files);
}

/** Completes a lineage with the digests of the files that the folder holds now (the manifest aside). */
export async function sealLineage(folder: string, lineage: Lineage): Promise<StageManifest> {
  return { ...lineage, version: 1, files: await fileDigests(folder) };
}

/** Text of a manifest file: sorted keys, two spaces. */
export function printManifest(manifest: StageManifest): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(manifest)), undefined, 2)}\n`;
}

/** The manifest of a folder that was made with this key and whose files still have the bytes it was sealed with. */
export async function findSealed(folder: string, key: string): Promise<StageManifest | undefined> {
  const manifest = await readStageManifest(folder).catch(() => undefined);
  if (manifest === undefined || manifest.key !== key) return undefined;
  for (const [path, expected] of Object.entries(manifest.files)) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (found?.size !== expected.bytes) return undefined;
    if (sha256(await readFile(join(folder, path))) !== expected.sha256) return undefined;
  }
  return manifest;
}

async function fileDigests(folder: string): Promise<StageManifest['files']> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => path !== 'manifest.json')
    .sort();
  const files: StageManifest['files'] = {};
  for (const path of paths) {
    const bytes = await readFile(join(folder, path));
    files[path] = { bytes: bytes.length, sha256: sha256(bytes) };
  }
  return files;
}
