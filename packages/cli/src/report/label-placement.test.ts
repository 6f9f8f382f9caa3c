import { describe, expect, it } from 'vitest';
import { placeLabels } from './label-placement.ts';

const area = { width: 400, height: 200, fontSize: 10 };

describe('labels of points', () => {
  it('stand to the right of a point that has room', () => {
    expect(placeLabels([{ x: 100, y: 100, text: 'alone' }], area)).toEqual([
      { index: 0, align: 'left', dx: 11, dy: -9 },
    ]);
  });

  it('turn to the left at the right edge', () => {
    expect(placeLabels([{ x: 395, y: 100, text: 'at the edge' }], area)[0]).toMatchObject({ align: 'right' });
  });

  it('keep clear of each other where two points nearly coincide', () => {
    const [first, second] = placeLabels(
      [
        { x: 200, y: 100, text: 'first' },
        { x: 201, y: 100, text: 'second' },
      ],
      area,
    );
    expect(first).not.toEqual({ ...second, index: 0 });
  });
});
