/**
 * Probes of frozen features: logistic regression, cosine nearest neighbours and ridge regression, each tuned on
 * a held-out part of the training features and scored once on the test features.
 *
 * @module
 */
export type { NamedFeatures } from "./checks.ts";
export {
  type ComparedLabel,
  type ComparedScore,
  compareProbes,
  comparisonTable,
  type ProbeSource,
  type ShownMethods,
} from "./compare.ts";
export { type Choices, type Method, METHODS, type Task } from "./labels.ts";
export { METRICS_FILE, readProbeMetrics } from "./metrics_file.ts";
export { fitLogistic, type LogisticFit, type LogisticOptions } from "./logistic.ts";
export {
  type LabelRun,
  probeFeatures,
  type ProbeMetrics,
  type ProbeOptions,
  type ProbeRun,
  type SkippedLabel,
} from "./probe.ts";
export { type MatrixProducts, PLAIN_PRODUCTS } from "./products.ts";
export { predictionsCsv, probeWeights } from "./outputs.ts";
export type { LabelResult, MethodResult } from "./results.ts";
export { addSums, fitRidge, predictRidge, type RidgeFit, ridgeSums } from "./ridge.ts";
export { markdownTable, plainTable, probeTable, type Table } from "./table.ts";
