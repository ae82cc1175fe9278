/** Line charts in panels below each other, as an SVG file that stands alone: it suits light and dark pages. */
import { forHtml } from "../../foreign_text.ts";
import { type Colours, DARK, LIGHT } from "./colours.ts";
import { text } from "./svg.ts";

/** One curve. */
export interface Line {
  readonly name: string;
  /** Value at the x of the same place. */
  readonly values: readonly number[];
  readonly ink: "blue" | "orange" | "purple";
  readonly style?: "solid" | "dashed" | "thin" | "faint";
}

/** Curves that share a vertical axis. Lines of one name share an entry of the legend. */
export interface Panel {
  readonly title: string;
  readonly scale: "linear" | "log";
  /** Ends of the vertical axis; whole powers of ten for `log`. Values beyond are drawn at the end. */
  readonly bounds: readonly [low: number, high: number];
  /** Distance of the grid lines of a linear axis. */
  readonly step?: number;
  /** Height of the plot, pixels. */
  readonly height: number;
  readonly lines: readonly Line[];
}

/** The horizontal axis, shared by all panels. */
export interface XAxis {
  readonly name: string;
  readonly values: readonly number[];
  readonly ticks: readonly number[];
}

const LEFT = 62, RIGHT = 18, PLOT_WIDTH = 640, WIDTH = LEFT + PLOT_WIDTH + RIGHT;
const TITLE = 30, LEGEND = 24, BELOW = 26;
/** Mean width of a letter of the legend, pixels: nothing here can measure text. */
const LETTER = 6.4;

/** Rules with the colours written out: not every program that draws SVG knows variables. */
function colourRules({ paper, ink, soft, rule, blue, orange, purple }: Colours): string {
  return [
    `.paper { fill: ${paper}; } text { fill: ${soft}; } .title { fill: ${ink}; }`,
    `.rule { stroke: ${rule}; }`,
    ...Object.entries({ blue, orange, purple }).map(([name, colour]) =>
      `.${name} { stroke: ${colour}; }`
    ),
  ].join("\n");
}

const STYLE = `
text { font: 12px system-ui, sans-serif; } .title { font-size: 14px; font-weight: 600; }
polyline, .key { fill: none; stroke-width: 2; stroke-linejoin: round; }
.dashed { stroke-dasharray: 5 5; } .thin { stroke-width: 1; }
.faint { stroke-width: 1; stroke-opacity: 0.45; }
${colourRules(LIGHT)}
@media (prefers-color-scheme: dark) {
${colourRules(DARK)}
}
`;

/** A coordinate, pixels: finer than a tenth only makes the file longer. */
function tenth(value: number): number {
  return Math.round(10 * value) / 10;
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${tenth(x1)}" y1="${tenth(y1)}" x2="${tenth(x2)}" y2="${
    tenth(y2)
  }" class="rule"/>`;
}

function classOf({ ink, style = "solid" }: Line): string {
  return `${ink} ${style}`;
}

/** Where a value lies between the ends, 0 to 1. */
function shareOf({ scale, bounds: [low, high] }: Panel, value: number): number {
  const at = scale === "log" ? Math.log10 : (each: number) => each;
  const clipped = Math.min(high, Math.max(low, value));
  return (at(clipped) - at(low)) / (at(high) - at(low));
}

/** Values with a grid line, and what is written there. */
function ticksOf({ scale, bounds: [low, high], step = 1 }: Panel): (readonly [number, string])[] {
  if (scale === "log") {
    const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
    return Array.from({ length: last - first + 1 }, (_, i) => {
      const power = first + i;
      return [10 ** power, power === 0 ? "1" : `1e${power}`];
    });
  }
  return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => {
    const value = low + i * step;
    return [value, String(Number(value.toPrecision(6)))];
  });
}

function legend(lines: readonly Line[], top: number): string[] {
  const parts: string[] = [];
  const named = new Map(lines.map((line) => [line.name, line]));
  let x = LEFT;
  for (const line of named.values()) {
    const y = top - 4;
    parts.push(
      `<line x1="${tenth(x)}" y1="${y}" x2="${tenth(x + 24)}" y2="${y}" class="key ${
        classOf(line)
      }"/>`,
      text(line.name, { x: tenth(x + 30), y: top, anchor: "start" }),
    );
    x += 30 + LETTER * line.name.length + 18;
  }
  return parts;
}

function drawPanel(
  panel: Panel,
  { x, top }: { readonly x: XAxis; readonly top: number },
): string[] {
  const [first, last] = [x.values[0]!, x.values.at(-1)!];
  const across = (value: number) => LEFT + (PLOT_WIDTH * (value - first)) / (last - first);
  const plotTop = top + TITLE + LEGEND, bottom = plotTop + panel.height;
  const up = (value: number) => bottom - panel.height * shareOf(panel, value);
  return [
    text(panel.title, { x: LEFT, y: top + 20, anchor: "start", kind: "title" }),
    ...legend(panel.lines, top + TITLE + 12),
    ...ticksOf(panel).flatMap(([value, label]) => [
      rule(LEFT, up(value), LEFT + PLOT_WIDTH, up(value)),
      text(label, { x: LEFT - 8, y: tenth(up(value) + 4), anchor: "end" }),
    ]),
    ...x.ticks.flatMap((value) => [
      rule(across(value), bottom, across(value), bottom + 4),
      text(String(value), { x: tenth(across(value)), y: bottom + 18, anchor: "middle" }),
    ]),
    ...panel.lines.map((line) => {
      const points = line.values.map((value, i) =>
        `${tenth(across(x.values[i]!))},${tenth(up(value))}`
      );
      return `<polyline class="${classOf(line)}" points="${points.join(" ")}"/>`;
    }),
  ];
}

/** The chart as the text of an SVG file. @param label what it shows, for those who cannot see it */
export function lineChart(
  panels: readonly Panel[],
  { x, label }: { readonly x: XAxis; readonly label: string },
): string {
  const parts: string[] = [];
  let top = 6;
  for (const panel of panels) {
    parts.push(...drawPanel(panel, { x, top }));
    top += TITLE + LEGEND + panel.height + BELOW;
  }
  const height = top + 20;
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${forHtml(label)}">`,
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${height}" rx="8" class="paper"/>`,
    ...parts,
    text(x.name, { x: LEFT + PLOT_WIDTH / 2, y: height - 12, anchor: "middle" }),
    "</svg>\n",
  ].join("\n");
}
