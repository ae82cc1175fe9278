/** The output files of a probe: predictions and weights. */
import { forCsvCell } from "../foreign_text.ts";
import type { Features } from "../formats/arrow.ts";
import { type FloatTensor, floatTensor } from "../tensor.ts";
import type { LabelRun } from "./probe.ts";

/** Lines joined into one piece. */
const LINES_PER_PIECE = 4096;

/**
 * Every prediction as CSV text, in pieces: label, method, key, path, truth, predicted, confidence (the probability
 * of the predicted class, empty for numbers).
 *
 * @param test the features that were predicted
 */
export function* predictionsCsv(labels: readonly LabelRun[], test: Features): Generator<string> {
  let lines = ["label,method,key,path,truth,predicted,confidence\n"];
  for (const { label, methods } of labels) {
    const nameOf = (value: number) => label.task === "classify" ? label.classes[value]! : value;
    for (const { predictions } of methods) {
      for (let i = 0; i < label.testRows.length; i++) {
        const row = label.testRows[i]!, confidence = predictions.confidence?.[i];
        const cells = [
          label.label,
          predictions.method,
          test.keys[row]!,
          test.paths[row]!,
          nameOf(label.test[i]!),
          nameOf(predictions.values[i]!),
          confidence?.toFixed(4) ?? "",
        ];
        lines.push(cells.map(forCsvCell).join(",") + "\n");
        if (lines.length < LINES_PER_PIECE) continue;
        yield lines.join("");
        lines = [];
      }
    }
  }
  yield lines.join("");
}

/**
 * The linear probes as tensors `LABEL.METHOD.weight` [C D] and `LABEL.METHOD.bias` [C], to be applied to
 * embeddings as they are, and the class names of every label as JSON metadata.
 */
export function probeWeights(
  labels: readonly LabelRun[],
): { tensors: Record<string, FloatTensor>; metadata: Record<string, string> } {
  const tensors: Record<string, FloatTensor> = {};
  const classes = new Map<string, readonly string[]>(); // A label may have the name __proto__.
  for (const { label, methods } of labels) {
    if (label.task === "classify") {
      classes.set(label.label, label.classes.slice(0, label.classCount));
    }
    for (const { linear } of methods) {
      if (!linear) continue;
      const outputs = linear.biases.length, width = linear.weights.length / outputs;
      const name = `${label.label}.${linear.method}`;
      tensors[`${name}.weight`] = floatTensor([outputs, width], linear.weights);
      tensors[`${name}.bias`] = floatTensor([outputs], linear.biases);
    }
  }
  return { tensors, metadata: { "ijepa.classes": JSON.stringify(Object.fromEntries(classes)) } };
}
