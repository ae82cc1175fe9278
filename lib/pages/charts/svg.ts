/** What all charts are drawn with. */
import { forHtml } from "../../foreign_text.ts";

/** `0.1234` as `12.3 %`. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

/** A coordinate, pixels: finer than a hundredth only makes the file longer. */
export function px(value: number): string {
  return String(Math.round(100 * value) / 100);
}

/** A line of text. @param options `turn`: degrees; `kind`: class of the style sheet */
export function text(
  content: string,
  { x, y, anchor = "middle", turn = 0, kind }: {
    readonly x: number;
    readonly y: number;
    readonly anchor?: "start" | "middle" | "end";
    readonly turn?: number;
    readonly kind?: string;
  },
): string {
  const turned = turn === 0 ? "" : ` transform="rotate(${turn} ${px(x)} ${px(y)})"`;
  const named = kind === undefined ? "" : ` class="${kind}"`;
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}"${named}${turned}>${
    forHtml(content)
  }</text>`;
}

/** A drawing inside of a page. @param label what it shows, for those who cannot see it */
export function svg(
  [width, height]: readonly [number, number],
  label: string,
  parts: readonly string[],
): string {
  return `<svg viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" role="img" ` +
    `aria-label="${forHtml(label)}">\n${parts.join("\n")}\n</svg>`;
}

/** Indices of a side that get a number: first, last, and round ones in between, at a distance from the last. */
export function labelled(side: number): number[] {
  const every = Math.max(1, Math.ceil(side / 8));
  const round = Array.from({ length: Math.ceil(side / every) }, (_, i) => i * every);
  return [...round.filter((index) => index <= side - 1 - every), side - 1];
}
