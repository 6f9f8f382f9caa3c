/**
 * Short names for folders: the last parts of each path, as many as make all of them different. Equal paths get a number.
 */
export function shortNames(folders: readonly string[]): readonly string[] {
  const paths = folders.map((folder) => folder.replaceAll('\\', '/').split('/').filter(Boolean));
  const longest = Math.max(1, ...paths.map(({ length }) => length));
  for (let parts = 1; parts < longest; parts++) {
    const names = paths.map((path) => path.slice(-parts).join('/'));
    if (new Set(names).size === names.length) return names;
  }
  const names = paths.map((path) => path.join('/') || '.');
  return names.map((name, index) => {
    const before = names.slice(0, index).filter((other) => other === name).length;
    return before === 0 ? name : `${name} (${before + 1})`;
  });
}
