import { z } from 'zod';
import { activationNames } from './family.ts';

/** A size that a file may claim. */
export const size = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);
/** Layers that a file may claim; every list of layers is made by it. */
export const layerCount = z.int().min(1).max(1000);
export const probability = z.number().min(0).lt(1);
export const deviation = z.number().min(0).max(1).default(0.02);
export const epsilon = z.number().gt(0).lt(1);
export const activation = z
  .enum(Object.keys(activationNames) as [string, ...string[]])
  .transform((name) => activationNames[name]!);
