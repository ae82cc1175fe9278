/** Charts as SVG, without scripts: inline in a page, or as files of their own. */
export { DARK, LIGHT } from "./charts/colours.ts";
export { histogram } from "./charts/histogram.ts";
export { type Line, lineChart, type Panel } from "./charts/line_chart.ts";
export { heatMap, patchMap } from "./charts/maps.ts";
export { percent } from "./charts/svg.ts";
