import assert from "node:assert/strict";
import {
  heatMap,
  histogram,
  type Line,
  lineChart,
  type Panel,
  patchMap,
  percent,
} from "../../lib/pages/charts.ts";

/** How often something occurs in a text. */
function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

Deno.test("percent() keeps three digits that count", () => {
  assert.deepEqual([0, 0.12345, 1, 0.00012].map(percent), ["0 %", "12.3 %", "100 %", "0.012 %"]);
});

Deno.test("heatMap() has a patch per share, as opaque as its part of the largest", () => {
  const svg = heatMap([0, 0.25, 0.5, 0.1, 0.2, 0.3], { grid: [2, 3], ink: "target", label: "m" });
  assert.equal(count(svg, /<title>/g), 6);
  assert.match(svg, /fill-opacity="0\.5"><title>row 0, column 1: 25 %<\/title>/);
  assert.match(svg, /fill-opacity="1"><title>row 0, column 2: 50 %<\/title>/);
  assert.match(svg, /aria-label="m"/);
  for (const axis of ["column of patches", "row of patches", "50 %", "25 %", "0 %"]) {
    assert.ok(svg.includes(`>${axis}</text>`), axis);
  }
});

Deno.test("heatMap() draws a map of nothing", () => {
  assert.doesNotMatch(heatMap([0, 0], { grid: [1, 2], ink: "context", label: "m" }), /NaN|Infin/);
});

Deno.test("patchMap() draws each patch once, in the colour of its class", () => {
  const svg = patchMap(["context", "target", "target", "both"], { grid: [2, 2], label: "image" });
  assert.equal(count(svg, /M/g), 4);
  assert.equal(count(svg, /<path class="target"/g), 1);
  assert.match(svg, /<path class="both" d="M90\.5 90\.5h89v89h-89z"\/>/);
});

Deno.test("histogram() has a bar per number of tokens, and joins neighbours when there are many", () => {
  const bars = [{ tokens: 10, share: 0.25 }, { tokens: 12, share: 0.75 }];
  const few = histogram(bars, { bounds: [9, 13], ink: "context", axis: "Kc", label: "h" });
  assert.match(few, /<title>10 tokens: 25 % of the steps<\/title>/);
  assert.match(few, /<title>12 tokens: 75 % of the steps<\/title>/);
  assert.ok(few.includes(">Kc</text>") && few.includes(">share of steps</text>"));
  const many = histogram(bars, { bounds: [9, 200], ink: "context", axis: "Kc", label: "h" });
  assert.match(many, /<title>9 to 12 tokens: 100 % of the steps<\/title>/);
  assert.ok(many.includes(">Kc (bars of 4)</text>"));
  const one = histogram([{ tokens: 7, share: 1 }], {
    bounds: [7, 7],
    ink: "context",
    axis: "Kc",
    label: "h",
  });
  assert.doesNotMatch(one, /NaN|Infinity/);
});

Deno.test("lineChart() draws each line to scale and names it once", () => {
  const line = (name: string, values: number[]): Line => ({ name, values, ink: "blue" });
  const shared = { title: "t", height: 100 };
  const panels: Panel[] = [
    {
      ...shared,
      scale: "linear",
      bounds: [0, 2],
      step: 1,
      lines: [line("a", [0, 2, 1]), line("a", [1, 1, 1])],
    },
    { ...shared, scale: "log", bounds: [1e-2, 1], lines: [line("b", [1, 0.1, 0])] },
  ];
  const svg = lineChart(panels, { x: { name: "x", values: [1, 2, 3], ticks: [1] }, label: "l" });
  // The plot goes from 62 to 702 across; panels are 180 high, their plots from 60 and 240 down.
  const points = [...svg.matchAll(/points="([^"]+)"/g)].map(([, each]) => each);
  assert.deepEqual(points, [
    "62,160 382,60 702,110",
    "62,110 382,110 702,110",
    "62,240 382,290 702,340",
  ]);
  assert.equal([...svg.matchAll(/>a<\/text>/g)].length, 1);
  for (const tick of ["0", "1", "2", "1e-2", "1e-1"]) assert.ok(svg.includes(`>${tick}</text>`));
});
