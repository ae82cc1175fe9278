/**
 * A page about the masks of a configuration: coverage, lengths and examples.
 *
 * @module
 */
import { forHtml } from "../foreign_text.ts";
import {
  type Grid,
  type MaskConfig,
  type MaskCoverage,
  type Masks,
  meanTokens,
  type TokenBounds,
} from "../model/masks.ts";
import { DARK, heatMap, histogram, LIGHT, patchMap, percent } from "./charts.ts";

/** The content of the page. */
export interface MaskReport {
  readonly config: MaskConfig;
  readonly grid: Grid;
  /** Images B per step. */
  readonly batch: number;
  readonly seed: number;
  readonly coverage: MaskCoverage;
  readonly bounds: TokenBounds;
  /** Masks of one of the steps; its first images are drawn. */
  readonly example: Masks;
}

const EXAMPLES = 8;

const STYLE = `
:root { color-scheme: light dark; --paper: ${LIGHT.paper}; --ink: ${LIGHT.ink}; --soft: ${LIGHT.soft}; --rule: ${LIGHT.rule};
  --empty: ${LIGHT.empty}; --context: ${LIGHT.blue}; --target: ${LIGHT.orange}; --both: ${LIGHT.purple}; }
@media (prefers-color-scheme: dark) { :root { --paper: ${DARK.paper}; --ink: ${DARK.ink}; --soft: ${DARK.soft};
  --rule: ${DARK.rule}; --empty: ${DARK.empty}; --context: ${DARK.blue}; --target: ${DARK.orange}; --both: ${DARK.purple}; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1.5rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { margin: .3rem 0 .8rem; } p, figcaption, caption { color: var(--soft); max-width: 46rem; }
.row { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; } figure { margin: 0; }
.examples { gap: 1.2rem; } figcaption { font-size: .9rem; margin-bottom: .4rem; }
figcaption b { color: var(--ink); } svg { max-width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 12px; } .rule { stroke: var(--rule); }
.empty { fill: var(--empty); } .context { fill: var(--context); } .target { fill: var(--target); }
.both { fill: var(--both); } .key { display: inline-block; width: .8em; height: .8em;
  margin: 0 .35em 0 .9em; border-radius: 2px; } .key:first-child { margin-left: 0; }
.key.context { background: var(--context); } .key.target { background: var(--target); }
.key.both { background: var(--both); } .key.empty { background: var(--empty); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .9rem; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: .9rem; }
code { font-size: .92em; overflow-wrap: anywhere; }
`;

function figure(caption: string, chart: string): string {
  return `<figure><figcaption>${caption}</figcaption>\n${chart}\n</figure>`;
}

function tableRow(cells: readonly (string | number)[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

function times(rows: number, tokens: number): string {
  return `${rows}&nbsp;x&nbsp;${tokens}`;
}

/** Numbers of tokens seen and possible; memory is planned for the longest. */
function tokenTable({ coverage, bounds, config, batch, grid }: MaskReport): string {
  const row = (name: string, count: "contextTokens" | "targetTokens") => {
    const seen = coverage[count];
    const [least, most] = bounds[count];
    const average = meanTokens(seen);
    const share = percent(average / (grid[0] * grid[1]));
    return tableRow([
      name,
      seen[0]!.tokens,
      `${average.toFixed(1)} (${share})`,
      seen.at(-1)!.tokens,
      least,
      most,
    ]);
  };
  const [context, target] = [bounds.contextTokens[1], bounds.targetTokens[1]];
  const blocks = config.targetBlocks;
  return `<table><thead><tr><th>tokens of</th><th>least seen</th><th>mean (of grid)</th>
<th>most seen</th><th>least possible</th><th>most possible</th></tr></thead>
<tbody>${row("a context, Kc", "contextTokens")}
${row("a target block, Kt", "targetTokens")}</tbody></table>
<p>Worst case of one step: the context encoder takes ${times(batch, context)} tokens, the predictor
${times(blocks * batch, context + target)} (${blocks} ${blocks === 1 ? "target" : "targets"} per
image), the target encoder ${times(batch, grid[0] * grid[1])}.</p>`;
}

function possible([least, most]: readonly [number, number]): string {
  return least === most ? `always ${least}` : `${least} to ${most} possible`;
}

/** Class of every patch of one image. */
function patchClasses({ example, grid, batch }: MaskReport, image: number): string[] {
  const { context, contextTokens, targets, targetTokens } = example;
  const classes = Array<string>(grid[0] * grid[1]).fill("empty");
  for (let row = image; row * targetTokens < targets.length; row += batch) {
    for (const index of targets.subarray(row * targetTokens, (row + 1) * targetTokens)) {
      classes[index] = "target";
    }
  }
  for (const index of context.subarray(image * contextTokens, (image + 1) * contextTokens)) {
    classes[index] = classes[index] === "empty" ? "context" : "both";
  }
  return classes;
}

function examples(report: MaskReport): string {
  return Array.from(
    { length: Math.min(EXAMPLES, report.batch) },
    (_, image) =>
      patchMap(patchClasses(report, image), {
        grid: report.grid,
        label: `context and targets of image ${image}`,
      }),
  ).join("\n");
}

/** One self-contained HTML file: no scripts, no other files, no network. */
export function masksPage(report: MaskReport): string {
  const { config, grid, batch, seed, coverage, bounds } = report;
  const name = `${config.strategy} masks on ${grid.join(" x ")} patches`;
  const values = Object.entries(config).map(([key, value]) =>
    `masks.${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  const map = (ink: "context" | "target", what: string) =>
    figure(
      `<b>${ink === "context" ? "Context" : "Target"}</b>: ${what}`,
      heatMap(coverage[ink], { grid, ink, label: `heat map: ${what}` }),
    );
  const lengths = (count: "contextTokens" | "targetTokens", ink: string, axis: string) =>
    figure(
      `<b>${axis}</b>: ${possible(bounds[count])}`,
      histogram(coverage[count], { bounds: bounds[count], ink, axis, label: `histogram: ${axis}` }),
    );
  return `<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${forHtml(name)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${forHtml(name)}</h1>
<p>${coverage.steps} steps of ${batch} images from seed ${seed}: the masks of the first steps of such
a run.<br><code>${forHtml(values.join(" "))}</code></p>
<h2>Examples</h2>
<p><span class="key context"></span>context<span class="key target"></span>target<span
class="key both"></span>both<span class="key empty"></span>neither; images of step 0</p>
<div class="row examples">
${examples(report)}
</div>
<h2>Where they fall</h2>
<p>Share of images in which a patch belongs to the context, or to at least one target. The context
overlaps a target in ${percent(coverage.overlap)} of the images. Targets were drawn
${coverage.draws.toFixed(3)} times per image until they left enough for a context.</p>
<div class="row">
${map("context", "share of images, per patch")}
${map("target", "share of images, per patch")}
</div>
<h2>How long they are</h2>
${tokenTable(report)}
<div class="row">
${lengths("contextTokens", "context", "tokens per context, Kc")}
${lengths("targetTokens", "target", "tokens per target block, Kt")}
</div>
</body>
</html>
`;
}
