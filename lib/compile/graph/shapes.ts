/** The shapes and types of the results of every operation, and how many operands it has. */

import type { Attributes, Op, ValueType } from "./operations.ts";

/** Shape and type of an operand or result, with all lengths known. */
export interface Operand {
  readonly type: ValueType;
  readonly shape: readonly number[];
}

/** How the results of an operation of attributes `A` follow from its operands. */
export interface ShapeRule<A> {
  /** How many there are, or the least and the most. */
  readonly operands: number | readonly [least: number, most: number];
  /** Shapes and types of the results. @throws {RangeError} when operands or attributes do not fit */
  infer(operands: readonly Operand[], attributes: A): readonly Operand[];
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

/** A rule of operations that have no attributes. */
type Plain = ShapeRule<Attributes<number>["Add"]>;

function binary(result?: ValueType): Plain {
  return {
    operands: 2,
    infer([a, b]) {
      expect(a!.type === b!.type, `operands have types ${a!.type} and ${b!.type}`);
      return [{ type: result ?? a!.type, shape: broadcast(a!.shape, b!.shape) }];
    },
  };
}

const unary: Plain = { operands: 1, infer: ([x]) => [x!] };

const reduction: ShapeRule<Attributes<number>["Sum"]> = {
  operands: 1,
  infer([x], { axis, keepDims }) {
    const shape = keepDims
      ? x!.shape.map((extent, i) => axis.includes(i) ? 1 : extent)
      : x!.shape.filter((_, i) => !axis.includes(i));
    return [{ type: x!.type, shape }];
  },
};

/** After fusion a product may have a third operand, the bias of its rows. */
const matMul: ShapeRule<Attributes<number>["BatchMatMul"]> = {
  operands: [2, 3],
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

const concat: ShapeRule<Attributes<number>["Concat"]> = {
  operands: [1, Infinity],
  infer(operands, { axis }) {
    const [first] = operands;
    const total = operands.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    for (const { shape } of operands) {
      const same = shape.every((extent, i) => i === axis || extent === first!.shape[i]);
      expect(same, `shapes [${first!.shape}] and [${shape}] do not join along axis ${axis}`);
    }
    return [{ type: first!.type, shape: first!.shape.map((e, i) => i === axis ? total : e) }];
  },
};

const gather: ShapeRule<Attributes<number>["GatherV2"]> = {
  operands: 2,
  infer([x, indices], { axis }) {
    expect(indices!.type === "int32", `indices are ${indices!.type}, not int32`);
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    return [{ type: x!.type, shape }];
  },
};

/** The rules of all operations. */
export const SHAPE_RULES: { readonly [O in Op]: ShapeRule<Attributes<number>[O]> } = {
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
    operands: 1,
    infer: ([x]) => [x!],
  },
  Cast: {
    operands: 1,
    infer: ([x], { type }) => [{ type, shape: x!.shape }],
  },
  Select: {
    operands: 3,
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
    operands: 1,
    infer([x], { axis }) {
      expect(axis === x!.shape.length - 1, "softmax runs over the last axis");
      return [x!];
    },
  },
  // Products
  BatchMatMul: matMul,
  // Movement
  Reshape: {
    operands: 1,
    infer([x], { shape }) {
      const from = x!.shape.reduce((product, e) => product * e, 1);
      const to = shape.reduce((product, e) => product * e, 1);
      expect(from === to, `shape [${x!.shape}] does not reshape to [${shape}]`);
      return [{ type: x!.type, shape }];
    },
  },
  ExpandDims: {
    operands: 1,
    infer: ([x], { axis }) => [{ type: x!.type, shape: x!.shape.toSpliced(axis, 0, 1) }],
  },
  Transpose: {
    operands: 1,
    infer: ([x], { perm }) => [{
      type: x!.type,
      shape: perm.map((axis) => x!.shape[axis]!),
    }],
  },
  GatherV2: gather,
  Concat: concat,
  Slice: {
    operands: 1,
    infer([x], { begin, size }) {
      expect(
        x!.shape.every((extent, i) => begin[i]! >= 0 && begin[i]! + size[i]! <= extent),
        `slice from [${begin}] of [${size}] leaves shape [${x!.shape}]`,
      );
      return [{ type: x!.type, shape: size }];
    },
  },
  SplitV: {
    operands: 1,
    infer([x], { axis, sizes }) {
      const total = sizes.reduce((sum, size) => sum + size, 0);
      expect(total === x!.shape[axis], `parts [${sizes}] do not fill axis ${axis}`);
      return sizes.map((size) => ({ type: x!.type, shape: x!.shape.with(axis, size) }));
    },
  },
  PadV2: {
    operands: 1,
    infer: ([x], { paddings }) => [{
      type: x!.type,
      shape: x!.shape.map((extent, i) => {
        const [before, after] = paddings[i]!;
        return before + extent + after;
      }),
    }],
  },
  Tile: {
    operands: 1,
    infer: ([x], { reps }) => [{
      type: x!.type,
      shape: x!.shape.map((extent, i) => extent * reps[i]!),
    }],
  },
  Fill: {
    operands: 0,
    infer: (_, { shape, type }) => [{ type, shape }],
  },
  // Made by passes
  Uniform: {
    operands: 0,
    infer: (_, { shape, type }) => [{ type, shape }],
  },
  Normalise: {
    operands: 1,
    infer: ([x]) => [x!, { type: x!.type, shape: x!.shape.with(-1, 1) }],
  },
  LayerNorm: { operands: 3, infer: ([x]) => [x!] },
  Gelu: { operands: 1, infer: ([x]) => [x!] },
};
