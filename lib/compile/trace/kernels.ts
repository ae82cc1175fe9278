/**
 * The TensorFlow.js kernels that the tracer records: for each one its operands in order, and its attributes in explicit
 * form, without negative axes and absent values.
 */

import type { Attributes, Op, ValueType } from "../graph/operations.ts";
import type { Operand } from "../graph/shapes.ts";

/** Operations that only passes make: TensorFlow.js has no such kernels. */
type MadeByPasses = "Uniform" | "Normalise" | "LayerNorm" | "Gelu";

/** Operations that are recorded. */
export type KernelName = Exclude<Op, MadeByPasses>;

/** What TensorFlow.js hands to a kernel. */
export type GivenAttributes = Readonly<Record<string, unknown>>;

/** How a kernel whose operation has attributes `A` is recorded. */
export interface Kernel<A> {
  /** Names of the operands in order; `"list"` when there are any number of them. */
  readonly operands: readonly string[] | "list";
  /** The attributes in explicit form. @throws {RangeError} when the operation has none for what is given */
  readonly attributes: (given: GivenAttributes, operands: readonly Operand[]) => A;
}

const none = () => ({});
const unary = { operands: ["x"], attributes: none };
const binary = { operands: ["a", "b"], attributes: none };

function axesOf(given: unknown, rank: number): number[] {
  const list = given === undefined || given === null
    ? Array.from({ length: rank }, (_, axis) => axis)
    : [given].flat() as number[];
  return list.map((axis) => axis < 0 ? axis + rank : axis).sort((a, b) => a - b);
}

function axisOf(given: unknown, rank: number): number {
  return axesOf(given, rank)[0]!;
}

const reduction: Kernel<Attributes<number>["Sum"]> = {
  operands: ["x"],
  // The axes of Max have a name of their own.
  attributes: ({ axis, reductionIndices, keepDims }, [x]) => ({
    axis: axesOf(axis ?? reductionIndices, x!.shape.length),
    keepDims: keepDims === true,
  }),
};

/** Every kernel that can be compiled. */
export const KERNELS: { readonly [O in KernelName]: Kernel<Attributes<number>[O]> } = {
  Add: binary,
  Sub: binary,
  Multiply: binary,
  RealDiv: binary,
  Maximum: binary,
  Minimum: binary,
  SquaredDifference: binary,
  Pow: binary,
  Greater: binary,
  Less: binary,
  Equal: binary,
  Abs: unary,
  Neg: unary,
  Sign: unary,
  Square: unary,
  Sqrt: unary,
  Rsqrt: unary,
  Reciprocal: unary,
  Exp: unary,
  Log: unary,
  Sin: unary,
  Cos: unary,
  Erf: unary,
  Tanh: unary,
  Sigmoid: unary,
  Relu: unary,
  ZerosLike: unary,
  OnesLike: unary,
  Step: {
    operands: ["x"],
    attributes: ({ alpha }) => ({ alpha: (alpha as number | undefined) ?? 0 }),
  },
  Cast: { operands: ["x"], attributes: ({ dtype }) => ({ type: dtype as ValueType }) },
  Select: { operands: ["condition", "t", "e"], attributes: none },
  Sum: reduction,
  Mean: reduction,
  Max: reduction,
  Softmax: {
    operands: ["logits"],
    attributes: ({ dim }, [x]) => ({ axis: axisOf(dim ?? -1, x!.shape.length) }),
  },
  BatchMatMul: {
    operands: ["a", "b"],
    attributes: ({ transposeA, transposeB }) => ({
      transposeA: transposeA === true,
      transposeB: transposeB === true,
    }),
  },
  Reshape: {
    operands: ["x"],
    attributes: ({ shape }, [x]) => {
      const extents = shape as readonly number[];
      const known = extents.reduce((product, e) => e === -1 ? product : product * e, 1);
      const size = x!.shape.reduce((product, e) => product * e, 1);
      return { shape: extents.map((extent) => extent === -1 ? size / known : extent) };
    },
  },
  ExpandDims: {
    operands: ["input"],
    attributes: ({ dim }, [x]) => ({ axis: axisOf(dim, x!.shape.length + 1) }),
  },
  Transpose: {
    operands: ["x"],
    attributes: ({ perm }) => ({ perm: perm as readonly number[] }),
  },
  GatherV2: {
    operands: ["x", "indices"],
    attributes: ({ axis, batchDims }, [x]) => {
      if (batchDims) {
        throw new RangeError("gather with batch dimensions: flatten the indices instead");
      }
      return { axis: axisOf(axis ?? 0, x!.shape.length) };
    },
  },
  Concat: {
    operands: "list",
    attributes: ({ axis }, [first]) => ({ axis: axisOf(axis, first!.shape.length) }),
  },
  Slice: {
    operands: ["x"],
    attributes: ({ begin, size }, [x]) => {
      const starts = begin as readonly number[];
      const sizes = (size as readonly number[])
        .map((s, i) => s === -1 ? x!.shape[i]! - starts[i]! : s);
      return { begin: starts, size: sizes };
    },
  },
  SplitV: {
    operands: ["x"],
    attributes: ({ numOrSizeSplits, axis }, [x]) => {
      const at = axisOf(axis, x!.shape.length);
      const sizes = typeof numOrSizeSplits === "number"
        ? new Array<number>(numOrSizeSplits).fill(x!.shape[at]! / numOrSizeSplits)
        : numOrSizeSplits as readonly number[];
      return { axis: at, sizes };
    },
  },
  PadV2: {
    operands: ["x"],
    attributes: ({ paddings, constantValue }) => ({
      paddings: paddings as readonly [number, number][],
      value: constantValue as number,
    }),
  },
  Tile: { operands: ["x"], attributes: ({ reps }) => ({ reps: reps as readonly number[] }) },
  Fill: {
    operands: [],
    attributes: ({ shape, value, dtype }) => ({
      shape: shape as readonly number[],
      value: value as number,
      type: (dtype as ValueType | undefined) ?? "float32",
    }),
  },
};
