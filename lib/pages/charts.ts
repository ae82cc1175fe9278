/** Charts as inline SVG: no scripts, colours from the style sheet of the page, so that they suit light and dark. */
import { forHtml } from "../foreign_text.ts";
import type { TokenShare } from "../model/masks.ts";

/** `0.1234` as `12.3 %`. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

/** A coordinate, pixels: finer than a hundredth only makes the file longer. */
function px(value: number): string {
  return String(Math.round(100 * value) / 100);
}

function text(
  content: string,
  { x, y, anchor = "middle", turn = 0 }: {
    readonly x: number;
    readonly y: number;
    readonly anchor?: "start" | "middle" | "end";
    readonly turn?: number;
  },
): string {
  const turned = turn === 0 ? "" : ` transform="rotate(${turn} ${px(x)} ${px(y)})"`;
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}"${turned}>${
    forHtml(content)
  }</text>`;
}

function svg(
  [width, height]: readonly [number, number],
  label: string,
  parts: readonly string[],
): string {
  return `<svg viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" role="img" ` +
    `aria-label="${forHtml(label)}">\n${parts.join("\n")}\n</svg>`;
}

/** About `count` round numbers from 0 to at least `most`. */
function ticksUpTo(most: number, count: number): number[] {
  const rough = Math.max(most, 1e-9) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((value) => value >= rough)!;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => i * step);
}

/** Indices of a side that get a number: first, last, and round ones in between, at a distance from the last. */
function labelled(side: number): number[] {
  const every = Math.max(1, Math.ceil(side / 8));
  const round = Array.from({ length: Math.ceil(side / every) }, (_, i) => i * every);
  return [...round.filter((index) => index <= side - 1 - every), side - 1];
}

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

const PLOT_WIDTH = 340, PLOT_HEIGHT = 150;
const MOST_BARS = 48;

/** Merges neighbouring numbers into one bar when there are too many to show. */
function binned(bars: readonly TokenShare[], [least, most]: readonly [number, number]): {
  readonly width: number;
  readonly bins: readonly TokenShare[];
} {
  const width = Math.ceil((most - least + 1) / MOST_BARS);
  const bins = new Map<number, number>();
  for (const { tokens, share } of bars) {
    const first = least + Math.floor((tokens - least) / width) * width;
    bins.set(first, (bins.get(first) ?? 0) + share);
  }
  return { width, bins: [...bins].map(([tokens, share]) => ({ tokens, share })) };
}

/**
 * Shares of steps by number of tokens.
 *
 * @param bounds the possible range: both ends of the axis
 */
export function histogram(
  bars: readonly TokenShare[],
  { bounds, ink, axis, label }: {
    readonly bounds: readonly [number, number];
    readonly ink: string;
    readonly axis: string;
    readonly label: string;
  },
): string {
  const { width, bins } = binned(bars, bounds);
  const count = Math.floor((bounds[1] - bounds[0]) / width) + 1;
  const left = 62, bottom = TOP + PLOT_HEIGHT, slot = Math.min(60, PLOT_WIDTH / count);
  const ticks = ticksUpTo(Math.max(...bins.map(({ share }) => share)), 4);
  const top = ticks.at(-1)!;
  const y = (share: number) => bottom - (PLOT_HEIGHT * share) / top;
  const range = (first: number) => width === 1 ? `${first}` : `${first} to ${first + width - 1}`;
  const end = left + slot * count;
  return svg([Math.max(end, left + 160) + 20, bottom + 42], label, [
    ...ticks.flatMap((share) => [
      `<line x1="${left}" x2="${px(end)}" y1="${px(y(share))}" y2="${px(y(share))}" class="rule"/>`,
      text(percent(share), { x: left - 6, y: y(share) + 4, anchor: "end" }),
    ]),
    ...bins.map(({ tokens, share }) => {
      const from = left + slot * ((tokens - bounds[0]) / width);
      return `<rect x="${px(from + 0.1 * slot)}" y="${px(y(share))}" ` +
        `width="${px(0.8 * slot)}" height="${px(bottom - y(share))}" class="${ink}">` +
        `<title>${range(tokens)} tokens: ${percent(share)} of the steps</title></rect>`;
    }),
    ...labelled(count).map((i) =>
      text(String(bounds[0] + i * width), { x: left + slot * (i + 0.5), y: bottom + 16 })
    ),
    text(width === 1 ? axis : `${axis} (bars of ${width})`, {
      x: Math.max((left + end) / 2, left + 60),
      y: bottom + 35,
    }),
    text("share of steps", { x: 12, y: TOP + PLOT_HEIGHT / 2, turn: -90 }),
  ]);
}
