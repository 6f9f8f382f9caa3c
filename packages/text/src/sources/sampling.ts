import type { Rng } from '@slm-compress/onnx';

/** The first `limit` items. */
export async function* takeFirst<T>(items: AsyncIterable<T>, limit: number): AsyncGenerator<T> {
  if (limit === 0) return;
  let taken = 0;
  for await (const item of items) {
    yield item;
    if (++taken >= limit) return;
  }
}

/** `size` items, each as likely as any other, in their order; they are held (algorithm R, Vitter 1985). */
export async function* reservoir<T>(items: AsyncIterable<T>, size: number, rng: Rng): AsyncGenerator<T> {
  const kept: { readonly at: number; readonly item: T }[] = [];
  let at = 0;
  for await (const item of items) {
    if (kept.length < size) kept.push({ at, item });
    else {
      const slot = rng.integer(at + 1);
      if (slot < size) kept[slot] = { at, item };
    }
    at++;
  }
  kept.sort((a, b) => a.at - b.at);
  for (const { item } of kept) yield item;
}

/** Items of several streams, each drawn from one of those that have more, with chances as their weights. */
export async function* mix<T>(
  streams: readonly { readonly items: AsyncGenerator<T>; readonly weight: number }[],
  rng: Rng,
): AsyncGenerator<T> {
  const open = [...streams];
  try {
    while (open.length > 0) {
      const total = open.reduce((sum, { weight }) => sum + weight, 0);
      let point = rng.uniform() * total;
      let index = open.findIndex(({ weight }) => {
        point -= weight;
        return point < 0;
      });
      if (index < 0) index = open.length - 1;
      const { value, done } = await open[index]!.items.next();
      if (done) open.splice(index, 1);
      else yield value;
    }
  } finally {
    for (const { items } of open) await items.return(undefined);
  }
}
