/** Solutions of scikit-learn, made by tests/fixtures/probe/make_sklearn.py. */
import fixture from "../fixtures/probe/sklearn.json" with { type: "json" };
import { momentsOf, standardise } from "../../lib/probe/standardise.ts";

export const { width, multinomial, binary, ridge, knn } = fixture;
export const features = Float32Array.from(fixture.features);
export const classes = Int32Array.from(fixture.classes);
export const targets = Float64Array.from(fixture.targets);

/** The rows from `first` to before `last`. */
export function rowsBetween(first: number, last: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: last - first }, (_, i) => first + i);
}

const all = rowsBetween(0, classes.length);
/** [rows D], by this project's own standardisation. */
export const standardised = standardise(features, momentsOf(features, width, { rows: all }), {
  rows: all,
});
