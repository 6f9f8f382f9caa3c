import type { Message } from './message.ts';
import type { PlaceExternal } from './tensor.ts';
import type { Piece } from './wire-writer.ts';

/** A data file to be: tensors one after another, each at a multiple of the alignment. */
export interface DataLayout {
  readonly place: PlaceExternal;
  /** The file's pieces in order, zeros between tensors included. */
  readonly pieces: readonly Piece[];
}

/** Lays out the tensors of at least `threshold` bytes in the order in which they are placed. */
export function layOut(location: string, threshold: number, align: number): DataLayout {
  const pieces: Piece[] = [];
  let end = 0;
  return {
    pieces,
    place(bytes): readonly Message[] | undefined {
      if (bytes.length < Math.max(threshold, 1)) return undefined;
      const offset = Math.ceil(end / align) * align;
      if (offset > end) pieces.push(new Uint8Array(offset - end));
      pieces.push(bytes);
      end = offset + bytes.length;
      return [
        { key: 'location', value: location },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(bytes.length) },
      ];
    },
  };
}
