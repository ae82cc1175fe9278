/** Maps of a grid of patches. Colours come from the style sheet of the page. */
import { labelled, percent, px, svg, text } from "./svg.ts";

const MAP_SIDE = 280;
const LEFT = 44, TOP = 8;

/** Side of a square patch in a drawing that is `room` pixels at its longer side. */
function cellOf([rows, columns]: readonly [number, number], room: number): number {
  return room / Math.max(rows, columns);
}

/** Rows and columns numbered from 0, with their names. */
function gridAxes([rows, columns]: readonly [number, number], cell: number): string[] {
  const bottom = TOP + rows * cell;
  return [
    ...labelled(columns).map((column) =>
      text(String(column), { x: LEFT + (column + 0.5) * cell, y: bottom + 15 })
    ),
    ...labelled(rows).map((row) =>
      text(String(row), { x: LEFT - 6, y: TOP + (row + 0.5) * cell + 4, anchor: "end" })
    ),
    text("column of patches", { x: LEFT + columns * cell / 2, y: bottom + 33 }),
    text("row of patches", { x: 12, y: TOP + rows * cell / 2, turn: -90 }),
  ];
}

/** A bar of colours from 0 to `most`, beside a map. */
function colourBar(
  ink: string,
  { x, most, height }: { readonly x: number; readonly most: number; readonly height: number },
): string[] {
  const steps = 32;
  const bars = Array.from({ length: steps }, (_, i) => {
    const y = TOP + height * (1 - (i + 1) / steps);
    return `<rect x="${px(x)}" y="${px(y)}" width="12" height="${px(height / steps + 0.5)}" ` +
      `class="${ink}" fill-opacity="${px((i + 0.5) / steps)}"/>`;
  });
  return [
    `<rect x="${px(x)}" y="${TOP}" width="12" height="${px(height)}" class="empty"/>`,
    ...bars,
    ...[0, 0.5, 1].map((part) =>
      text(percent(part * most), {
        x: x + 18,
        y: TOP + height * (1 - part) + 4,
        anchor: "start",
      })
    ),
  ];
}

/**
 * A map of a share per patch, empty for 0; each patch shows its number as a tooltip.
 *
 * @param shares 0 to 1, raster order, `[N]`
 * @param ink class of the colour: `context` or `target`
 */
export function heatMap(
  shares: ArrayLike<number>,
  { grid, ink, label }: {
    readonly grid: readonly [number, number];
    readonly ink: string;
    readonly label: string;
  },
): string {
  const [rows, columns] = grid;
  const cell = cellOf(grid, MAP_SIDE);
  const most = Math.max(1e-9, ...Array.from(shares));
  const patches = Array.from(shares, (share, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const place = `x="${px(LEFT + column * cell)}" y="${px(TOP + row * cell)}" ` +
      `width="${px(cell)}" height="${px(cell)}"`;
    return `<rect ${place} class="${ink}" fill-opacity="${px(share / most)}">` +
      `<title>row ${row}, column ${column}: ${percent(share)}</title></rect>`;
  });
  const height = rows * cell;
  return svg([LEFT + columns * cell + 90, TOP + Math.max(height, 60) + 42], label, [
    `<rect x="${LEFT}" y="${TOP}" width="${px(columns * cell)}" height="${
      px(height)
    }" class="empty"/>`,
    ...patches,
    ...gridAxes(grid, cell),
    ...colourBar(ink, { x: LEFT + columns * cell + 16, most, height }),
  ]);
}

/** One image's patches, a class of the style sheet for each. */
export function patchMap(
  classes: readonly string[],
  { grid, label }: { readonly grid: readonly [number, number]; readonly label: string },
): string {
  const cell = cellOf(grid, 180);
  const [rows, columns] = grid;
  const gap = Math.min(1, cell / 8);
  const side = px(cell - gap);
  const squares = new Map<string, string>();
  classes.forEach((name, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const corner = `${px(column * cell + gap / 2)} ${px(row * cell + gap / 2)}`;
    squares.set(name, `${squares.get(name) ?? ""}M${corner}h${side}v${side}h-${side}z`);
  });
  const patches = [...squares].map(([name, path]) => `<path class="${name}" d="${path}"/>`);
  return svg([columns * cell, rows * cell], label, patches);
}
