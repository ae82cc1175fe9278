/**
 * The TensorFlow.js kernels that can be compiled: for each one its operands, its attributes in explicit form (no
 * negative axes, no absent values), and the rule that gives the shapes and types of its results. The tracer applies
 * the rule when it records a call, the validity check when it re-checks a graph.
 */

import type { ValueType } from "./graph.ts";

/** Shape and type of an operand or result, with all lengths known. */
export interface Operand {
  readonly type: ValueType;
  readonly shape: readonly number[];
}

/** Attribute values while lengths are numbers. */
export type Plain = number | boolean | string | readonly Plain[];
export type PlainAttributes = Readonly<Record<string, Plain>>;

/** What TensorFlow.js hands to a kernel. */
export type KernelAttributes = Readonly<Record<string, unknown>>;

/** How one kernel is recorded and checked. */
export interface Kernel {
  /** Names of the operands in order; `"list"` when there are any number of them. */
  readonly operands: readonly string[] | "list";
  /** The attributes in explicit form. */
  attributes?(given: KernelAttributes, operands: readonly Operand[]): PlainAttributes;
  /** Shapes and types of the results. @throws {RangeError} when operands or attributes do not fit */
  infer(operands: readonly Operand[], attributes: PlainAttributes): readonly Operand[];
}

function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RangeError(message);
}

/** Shape of an element-wise result under NumPy broadcasting. */
function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1, y = b[i - rank + b.length] ?? 1;
    expect(x === y || x === 1 || y === 1, `shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

function binary(result?: ValueType): Kernel {
  return {
    operands: ["a", "b"],
    infer([a, b]) {
      expect(a!.type === b!.type, `operands have types ${a!.type} and ${b!.type}`);
      return [{ type: result ?? a!.type, shape: broadcast(a!.shape, b!.shape) }];
    },
  };
}

const unary: Kernel = { operands: ["x"], infer: ([x]) => [x!] };

function axesOf(given: unknown, rank: number): number[] {
  const list = given === undefined || given === null
    ? Array.from({ length: rank }, (_, axis) => axis)
    : [given].flat() as number[];
  return list.map((axis) => axis < 0 ? axis + rank : axis).sort((a, b) => a - b);
}

const reduction: Kernel = {
  operands: ["x"],
  // The axes of Max have a name of their own.
  attributes: ({ axis, reductionIndices, keepDims }, [x]) => ({
    axis: axesOf(axis ?? reductionIndices, x!.shape.length),
    keepDims: keepDims === true,
  }),
  infer([x], { axis, keepDims }) {
    const axes = axis as number[];
    const shape = keepDims
      ? x!.shape.map((extent, i) => axes.includes(i) ? 1 : extent)
      : x!.shape.filter((_, i) => !axes.includes(i));
    return [{ type: x!.type, shape }];
  },
};

/** After fusion a product may have a third operand, the bias of its rows, and a `scale`. */
const matMul: Kernel = {
  operands: ["a", "b"],
  attributes: ({ transposeA, transposeB }) => ({
    transposeA: transposeA === true,
    transposeB: transposeB === true,
  }),
  infer([a, b, bias], { transposeA, transposeB }) {
    const rank = a!.shape.length;
    expect(rank >= 2 && rank === b!.shape.length, "matrix products need equal ranks from 2 up");
    const [m, k] = transposeA
      ? [a!.shape[rank - 1]!, a!.shape[rank - 2]!]
      : [a!.shape[rank - 2]!, a!.shape[rank - 1]!];
    const [k2, n] = transposeB
      ? [b!.shape[rank - 1]!, b!.shape[rank - 2]!]
      : [b!.shape[rank - 2]!, b!.shape[rank - 1]!];
    expect(k === k2, `inner lengths ${k} and ${k2} differ`);
    expect(!bias || (rank === 2 && bias.shape.join() === `${n}`), `bias does not have length ${n}`);
    const batch = broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return [{ type: "float32", shape: [...batch, m, n] }];
  },
};

const concat: Kernel = {
  operands: "list",
  attributes: ({ axis }, [first]) => ({ axis: axesOf(axis, first!.shape.length)[0]! }),
  infer(operands, { axis }) {
    const [first] = operands;
    const total = operands.reduce((sum, { shape }) => sum + shape[axis as number]!, 0);
    for (const { shape } of operands) {
      const same = shape.every((extent, i) => i === axis || extent === first!.shape[i]);
      expect(same, `shapes [${first!.shape}] and [${shape}] do not join along axis ${axis}`);
    }
    return [{ type: first!.type, shape: first!.shape.map((e, i) => i === axis ? total : e) }];
  },
};

const gather: Kernel = {
  operands: ["x", "indices"],
  attributes: ({ axis, batchDims }, [x]) => {
    expect(!batchDims, "gather with batch dimensions: flatten the indices instead");
    return { axis: axesOf(axis ?? 0, x!.shape.length)[0]! };
  },
  infer([x, indices], { axis }) {
    expect(indices!.type === "int32", `indices are ${indices!.type}, not int32`);
    const at = axis as number;
    const shape = [...x!.shape.slice(0, at), ...indices!.shape, ...x!.shape.slice(at + 1)];
    return [{ type: x!.type, shape }];
  },
};

/** Every kernel that can be compiled. */
export const KERNELS: Readonly<Record<string, Kernel>> = {
  // Element-wise, two operands
  Add: binary(),
  Sub: binary(),
  Multiply: binary(),
  RealDiv: binary(),
  Maximum: binary(),
  Minimum: binary(),
  SquaredDifference: binary(),
  Pow: binary(),
  Greater: binary("bool"),
  Less: binary("bool"),
  Equal: binary("bool"),
  // Element-wise, one operand
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
    // The value for negative inputs; the gradient of abs passes -1.
    attributes: ({ alpha }) => ({ alpha: (alpha as number | undefined) ?? 0 }),
    infer: ([x]) => [x!],
  },
  Cast: {
    operands: ["x"],
    attributes: ({ dtype }) => ({ type: dtype as string }),
    infer: ([x], { type }) => [{ type: type as ValueType, shape: x!.shape }],
  },
  Select: {
    operands: ["condition", "t", "e"],
    infer([condition, t, e]) {
      expect(condition!.type === "bool", `condition is ${condition!.type}, not bool`);
      return [{ type: t!.type, shape: broadcast(t!.shape, e!.shape) }];
    },
  },
  // Reductions
  Sum: reduction,
  Mean: reduction,
  Max: reduction,
  Softmax: {
    operands: ["logits"],
    attributes: ({ dim }, [x]) => ({ axis: axesOf(dim ?? -1, x!.shape.length)[0]! }),
    infer([x], { axis }) {
      expect(axis === x!.shape.length - 1, "softmax runs over the last axis");
      return [x!];
    },
  },
  // Products
  BatchMatMul: matMul,
  // Movement
  Reshape: {
    operands: ["x"],
    attributes: ({ shape }, [x]) => {
      const extents = shape as number[];
      const known = extents.reduce((product, e) => e === -1 ? product : product * e, 1);
      const size = x!.shape.reduce((product, e) => product * e, 1);
      return { shape: extents.map((extent) => extent === -1 ? size / known : extent) };
    },
    infer([x], { shape }) {
      const extents = shape as number[];
      const from = x!.shape.reduce((product, e) => product * e, 1);
      const to = extents.reduce((product, e) => product * e, 1);
      expect(from === to, `shape [${x!.shape}] does not reshape to [${extents}]`);
      return [{ type: x!.type, shape: extents }];
    },
  },
  ExpandDims: {
    operands: ["input"],
    attributes: ({ dim }, [x]) => ({ axis: axesOf(dim, x!.shape.length + 1)[0]! }),
    infer: ([x], { axis }) => [{ type: x!.type, shape: x!.shape.toSpliced(axis as number, 0, 1) }],
  },
  Transpose: {
    operands: ["x"],
    attributes: ({ perm }) => ({ perm: perm as number[] }),
    infer: ([x], { perm }) => [{
      type: x!.type,
      shape: (perm as number[]).map((axis) => x!.shape[axis]!),
    }],
  },
  GatherV2: gather,
  Concat: concat,
  Slice: {
    operands: ["x"],
    attributes: ({ begin, size }, [x]) => {
      const starts = begin as number[];
      const sizes = (size as number[]).map((s, i) => s === -1 ? x!.shape[i]! - starts[i]! : s);
      return { begin: starts, size: sizes };
    },
    infer([x], { begin, size }) {
      const starts = begin as number[], sizes = size as number[];
      expect(
        x!.shape.every((extent, i) => starts[i]! >= 0 && starts[i]! + sizes[i]! <= extent),
        `slice from [${starts}] of [${sizes}] leaves shape [${x!.shape}]`,
      );
      return [{ type: x!.type, shape: sizes }];
    },
  },
  SplitV: {
    operands: ["x"],
    attributes: ({ numOrSizeSplits, axis }, [x]) => {
      const at = axesOf(axis, x!.shape.length)[0]!;
      const sizes = typeof numOrSizeSplits === "number"
        ? new Array<number>(numOrSizeSplits).fill(x!.shape[at]! / numOrSizeSplits)
        : numOrSizeSplits as number[];
      return { axis: at, sizes };
    },
    infer([x], { axis, sizes }) {
      const list = sizes as number[];
      const total = list.reduce((sum, size) => sum + size, 0);
      expect(total === x!.shape[axis as number], `parts [${list}] do not fill axis ${axis}`);
      return list.map((size) => ({ type: x!.type, shape: x!.shape.with(axis as number, size) }));
    },
  },
  PadV2: {
    operands: ["x"],
    attributes: ({ paddings, constantValue }) => ({
      paddings: paddings as number[][],
      value: constantValue as number,
    }),
    infer: ([x], { paddings }) => [{
      type: x!.type,
      shape: x!.shape.map((extent, i) => {
        const [before, after] = (paddings as number[][])[i]!;
        return before! + extent + after!;
      }),
    }],
  },
  Tile: {
    operands: ["x"],
    attributes: ({ reps }) => ({ reps: reps as number[] }),
    infer: ([x], { reps }) => [{
      type: x!.type,
      shape: x!.shape.map((extent, i) => extent * (reps as number[])[i]!),
    }],
  },
  Fill: {
    operands: [],
    attributes: ({ shape, value, dtype }) => ({
      shape: shape as number[],
      value: value as number,
      type: (dtype as string | undefined) ?? "float32",
    }),
    infer: (_, { shape, type }) => [{ type: type as ValueType, shape: shape as number[] }],
  },
};
