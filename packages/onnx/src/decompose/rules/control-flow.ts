import type { Decomposition } from '../rule.ts';

/** Control flow that can be decided beforehand. */
export const controlFlow: Readonly<Record<string, Decomposition>> = {
  /** A constant condition: the branch taken, in place. */
  If: (c) => {
    const condition = c.valueOf(c.x());
    if (condition === undefined || condition.data.length !== 1) return c.refuse('the condition is not a constant');
    const taken = c.node.attributes[Number(condition.data[0]) === 0 ? 'else_branch' : 'then_branch'];
    if (taken?.kind !== 'graph') return c.refuse('the branch that is taken is missing');
    if (taken.value.sparseInitializers?.size) return c.refuse('the branch has sparse initializers');
    return c.inline(taken.value);
  },
};
