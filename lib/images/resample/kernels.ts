/**
 * The two loops of resampling in WebAssembly, two values of 64 bits at a time. They multiply and add in the order of
 * a plain loop and never in one rounding, so the bits of a result are the same on every machine.
 *
 * @module
 */
import {
  addF64,
  and,
  type Code,
  constant,
  f32ToF64,
  F64,
  f64ToF32,
  I32,
  i32ToF64,
  isLess,
  isZero,
  load,
  loadHalf,
  loadI32,
  loadTwice,
  minus,
  multiplyF64,
  plus,
  repeatWhile,
  shuffle,
  store,
  storeLane,
  swizzle,
  twice,
  V128,
  variables,
  type WasmFunction,
  wasmModule,
  when,
  ZEROS,
} from "./wasm_assembler.ts";

const _ = 0x80; // A byte 0.
/** Two bytes of a pixel pair (R G B R G B) as two numbers of 32 bits. */
const FIRST_RED_GREEN = [0, _, _, _, 1, _, _, _, _, _, _, _, _, _, _, _];
const SECOND_RED_GREEN = [3, _, _, _, 4, _, _, _, _, _, _, _, _, _, _, _];
const BOTH_BLUE = [2, _, _, _, 5, _, _, _, _, _, _, _, _, _, _, _];
const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const HALVES_SWAPPED = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const LOWER_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/** Rows of RGB bytes to rows of result width in three planes of float32: sums over taps, two taps per turn. */
function scaleRows(): WasmFunction {
  const parameters = {
    source: I32,
    rowBytes: I32,
    rows: I32,
    starts: I32,
    startsEnd: I32,
    weights: I32,
    pairs: I32,
    to: I32,
    planeBytes: I32,
  };
  const locals = {
    start: I32,
    weight: I32,
    from: I32,
    pair: I32,
    pixels: V128,
    redGreen: V128,
    blue: V128,
    product: V128,
  };
  const { source, rowBytes, rows, starts, startsEnd, weights, pairs, to, planeBytes, ...rest } =
    variables({ ...parameters, ...locals });
  const { start, weight, from, pair, pixels, redGreen, blue, product } = rest;
  const value = (mask: Code) => i32ToF64(swizzle(pixels.value, mask));
  const weighted = (offset: number, mask: Code) =>
    multiplyF64(loadTwice(plus(weight.value, constant(offset))), value(mask));
  const addPair = [
    pixels.set(loadHalf(from.value)),
    redGreen.set(addF64(
      redGreen.value,
      addF64(weighted(0, FIRST_RED_GREEN), weighted(8, SECOND_RED_GREEN)),
    )),
    product.set(multiplyF64(load(weight.value), value(BOTH_BLUE))),
    blue.set(addF64(
      blue.value,
      addF64(product.value, shuffle(product.value, product.value, HALVES_SWAPPED)),
    )),
    weight.set(plus(weight.value, constant(16))),
    from.set(plus(from.value, constant(6))),
    pair.set(minus(pair.value, constant(1))),
  ];
  const scalePixel = [
    from.set(plus(source.value, loadI32(start.value))),
    redGreen.set(ZEROS),
    blue.set(ZEROS),
    pair.set(pairs.value),
    repeatWhile(pair.value, addPair),
    redGreen.set(f64ToF32(redGreen.value)),
    storeLane(to.value, redGreen.value, 0),
    from.set(plus(to.value, planeBytes.value)),
    storeLane(from.value, redGreen.value, 1),
    storeLane(plus(from.value, planeBytes.value), f64ToF32(blue.value), 0),
    to.set(plus(to.value, constant(4))),
    start.set(plus(start.value, constant(4))),
  ];
  const scaleRow = [
    start.set(starts.value),
    weight.set(weights.value),
    repeatWhile(isLess(start.value, startsEnd.value), scalePixel),
    source.set(plus(source.value, rowBytes.value)),
    rows.set(minus(rows.value, constant(1))),
  ];
  return {
    name: "scaleRows",
    parameters,
    locals,
    statements: [repeatWhile(rows.value, scaleRow)],
  };
}

/** One result row: a start value and a sum over source rows of float32, four columns per turn. */
function addRows(): WasmFunction {
  const parameters = {
    source: I32,
    rowBytes: I32,
    count: I32,
    weights: I32,
    to: I32,
    toEnd: I32,
    shift: F64,
  };
  const locals = {
    from: I32,
    weight: I32,
    row: I32,
    lower: V128,
    upper: V128,
    values: V128,
    factor: V128,
    beginning: V128,
  };
  const { source, rowBytes, count, weights, to, toEnd, shift, ...rest } = variables({
    ...parameters,
    ...locals,
  });
  const { from, weight, row, lower, upper, values, factor, beginning } = rest;
  const add = (sum: Code, half: Code) => addF64(sum, multiplyF64(factor.value, f32ToF64(half)));
  const addRow = [
    values.set(load(from.value)),
    factor.set(loadTwice(weight.value)),
    lower.set(add(lower.value, values.value)),
    upper.set(add(upper.value, shuffle(values.value, values.value, UPPER_HALF))),
    row.set(plus(row.value, constant(1))),
    // After every fourth row the sum is rounded to float32, as if stored in the result.
    when(isZero(and(row.value, constant(3))), [
      lower.set(f32ToF64(f64ToF32(lower.value))),
      upper.set(f32ToF64(f64ToF32(upper.value))),
    ]),
    from.set(plus(from.value, rowBytes.value)),
    weight.set(plus(weight.value, constant(8))),
  ];
  const addColumns = [
    lower.set(beginning.value),
    upper.set(beginning.value),
    from.set(source.value),
    weight.set(weights.value),
    row.set(constant(0)),
    repeatWhile(isLess(row.value, count.value), addRow),
    store(to.value, shuffle(f64ToF32(lower.value), f64ToF32(upper.value), LOWER_HALVES)),
    to.set(plus(to.value, constant(16))),
    source.set(plus(source.value, constant(16))),
  ];
  return {
    name: "addRows",
    parameters,
    locals,
    statements: [
      beginning.set(twice(shift.value)),
      repeatWhile(isLess(to.value, toEnd.value), addColumns),
    ],
  };
}

/** The functions of the module; addresses and lengths are bytes of its memory. */
export interface ResampleKernels {
  /**
   * Every result pixel is the sum over `2 pairs` weights, beginning with the pixel that `starts` [width] of int32 has
   * the offset of in a row. Weights are float64 [width 2 pairs].
   */
  scaleRows(
    ...parameters: [
      source: number,
      rowBytes: number,
      rows: number,
      starts: number,
      startsEnd: number,
      weights: number,
      pairs: number,
      to: number,
      planeBytes: number,
    ]
  ): void;
  /** Writes up to three values beyond `toEnd`. Weights are float64 [count]. */
  addRows(
    ...parameters: [
      source: number,
      rowBytes: number,
      count: number,
      weights: number,
      to: number,
      toEnd: number,
      shift: number,
    ]
  ): void;
}

const KERNELS = wasmModule([scaleRows(), addRows()]);

/** The kernels with a memory. */
export function resampleKernels(memory: WebAssembly.Memory): ResampleKernels {
  return new WebAssembly.Instance(KERNELS, { host: { memory } }).exports as never;
}
