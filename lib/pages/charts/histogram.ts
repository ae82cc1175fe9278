/** Histograms of token counts. Colours come from the style sheet of the page. */
import type { TokenShare } from "../../model/masks.ts";
import { labelled, percent, px, svg, text } from "./svg.ts";

/** About `count` round numbers from 0 to at least `most`. */
function ticksUpTo(most: number, count: number): number[] {
  const rough = Math.max(most, 1e-9) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((value) => value >= rough)!;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => i * step);
}

const PLOT_WIDTH = 340, PLOT_HEIGHT = 150;
const TOP = 8;
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
