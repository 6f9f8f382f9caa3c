/** Sets of the numbers 0 … n - 1, each set named by its smallest member (union-find with path compression). */
export interface DisjointSets {
  find(i: number): number;
  unite(a: number, b: number): void;
  /** The name of each number's set. */
  names(): Int32Array;
}

export function createDisjointSets(size: number): DisjointSets {
  const parents = new Int32Array(size);
  for (let i = 0; i < size; i++) parents[i] = i;
  const find = (i: number): number => {
    let root = i;
    while (parents[root] !== root) root = parents[root]!;
    for (let at = i; at !== root; ) {
      const next = parents[at]!;
      parents[at] = root;
      at = next;
    }
    return root;
  };
  return {
    find,
    unite(a, b) {
      const [x, y] = [find(a), find(b)];
      parents[Math.max(x, y)] = Math.min(x, y);
    },
    names: () => parents.map((_, i) => find(i)),
  };
}
