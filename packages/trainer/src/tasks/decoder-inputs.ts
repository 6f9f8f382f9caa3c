import { int64, type Model, SlmError, type Tensor, type Tensors } from '@slm-compress/onnx';

const [MASK, SEGMENTS, POSITIONS] = ['attention_mask', 'segment_ids', 'position_ids'] as const;

/**
 * A batch as a model takes it: `position_ids` are counted from the first token that is no padding, and `segment_ids` are
 * the mask, where the batch has none. Throws `TRAIN_DATA` for a packed batch when the model lets examples see each other.
 */
export function fitInputs(batch: Tensors, { graph }: Pick<Model, 'graph'>): Tensors {
  const takes = (name: string) => graph.inputs.some((input) => input.name === name);
  const { [MASK]: mask, [SEGMENTS]: segments, ...rest } = batch;
  if (segments && !takes(SEGMENTS)) {
    throw new SlmError(
      'TRAIN_DATA',
      'batch: expected examples apart, got packed ones (the model takes no segment_ids)',
    );
  }
  const own = segments ?? mask;
  return {
    ...rest,
    ...(mask && (takes(MASK) || !takes(SEGMENTS)) && { [MASK]: mask }),
    ...(own && takes(SEGMENTS) && { [SEGMENTS]: own }),
    ...(mask && takes(POSITIONS) && !rest[POSITIONS] && { [POSITIONS]: countPositions(mask) }),
  };
}

function countPositions(mask: Tensor): Tensor {
  const [batch, length] = mask.dims as [number, number];
  const data = mask.data as BigInt64Array;
  const positions = new Array<number>(batch * length);
  for (let row = 0; row < batch; row++) {
    let count = 0;
    for (let at = row * length; at < (row + 1) * length; at++) {
      positions[at] = data[at] === 1n ? count++ : Math.max(count - 1, 0);
    }
  }
  return int64(positions, [batch, length]);
}
