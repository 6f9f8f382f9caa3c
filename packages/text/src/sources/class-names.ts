/** Class names by column in a `features` object of Hugging Face `datasets`. */
export function featureClassNames(features: unknown): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  if (typeof features !== 'object' || features === null) return found;
  for (const [column, feature] of Object.entries(features)) {
    const { _type, names } = (feature ?? {}) as { readonly _type?: unknown; readonly names?: unknown };
    if (_type === 'ClassLabel' && Array.isArray(names) && names.every((name) => typeof name === 'string')) {
      found[column] = names;
    }
  }
  return found;
}
