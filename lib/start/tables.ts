/** Position tables of foreign weights, resized if they are for another grid of patches. */

import { huggingFaceNames, withoutRegisterRows } from "../formats/huggingface.ts";
import type { Grid } from "../model/masks.ts";
import { POSITIONS, PREDICTOR_POSITIONS, resizePositions } from "../model/positions.ts";
import { type FloatTensor, floatTensor, type HostTensor } from "../tensor.ts";

/** Names that a position table may have. */
export const TABLE_NAMES: readonly string[] = [
  POSITIONS,
  huggingFaceNames(POSITIONS)[0]!,
  PREDICTOR_POSITIONS,
];

/** A tensor, and its name in the file for messages. */
export interface FoundTensor {
  readonly tensor: HostTensor;
  readonly shown: string;
}

/** A table that fits, with a sentence if it was resized; or why it cannot be. */
export type FittedTable =
  | { readonly table: FloatTensor; readonly note?: string }
  | { readonly complaint: string };

/** The same values as float32. */
export function toFloat32({ dtype, shape, data }: HostTensor): FloatTensor {
  return floatTensor(
    shape,
    dtype === "float32" ? data : Float32Array.from(data as Float64Array<ArrayBuffer>),
  );
}

/** The grid that a table of so many patches is for: that of its source, else the run's own, else a square. */
function gridOfTable(
  patches: number,
  { source, own }: { readonly source: Grid | undefined; readonly own: Grid },
): Grid | undefined {
  const side = Math.round(Math.sqrt(patches));
  const square: Grid = [side, side];
  return [...source === undefined ? [] : [source], own, square]
    .find(([rows, columns]) => rows * columns === patches);
}

/**
 * Fits a position table to a network.
 *
 * @param found the tensor in the file
 * @param wanted `width` of the network, `own` grid of the run, grid of the `source` if it states one; number of
 * `registers`, whose rows the table begins with
 */
export function fitTable(
  { tensor, shown }: FoundTensor,
  { width, own, source, registers }: {
    readonly width: number;
    readonly own: Grid;
    readonly source: Grid | undefined;
    readonly registers: number;
  },
): FittedTable {
  const { dtype, shape, data } = tensor;
  const [one, rows, got] = shape;
  if (!/^float/.test(dtype) || shape.length !== 3 || one !== 1 || got !== width) {
    const type = /^float/.test(dtype) ? "" : `${dtype} `;
    return { complaint: `${shown} is ${type}[${shape.join(" ")}], wanted [1 N ${width}]` };
  }
  const bad = (data as Float32Array).find((value) => !Number.isFinite(value));
  if (bad !== undefined) return { complaint: `${shown} [${shape.join(" ")}] holds ${bad}` };
  const patches = rows! - registers;
  const from = gridOfTable(patches, { source, own });
  if (from === undefined) {
    return {
      complaint: `${shown} [${shape.join(" ")}] is for ${patches} patches, neither ` +
        `${own.join("x")} nor a square`,
    };
  }
  const ofPatches = withoutRegisterRows(toFloat32(tensor), registers);
  const table = resizePositions(ofPatches, { from, to: own });
  if (from.join() === own.join()) return { table };
  return {
    table,
    note: `${shown} resized from ${from.join("x")} to ${own.join("x")} patches (bicubic)`,
  };
}
