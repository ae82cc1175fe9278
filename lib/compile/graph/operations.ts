/**
 * The operations of a graph: what attributes each has, and what it is like. Every table of rules (shapes, C, ONNX) has
 * one for each of them by type, so that the code of a new operation does not compile until all of them have it.
 */

/** Element types of values in a graph. */
export type ValueType = "float32" | "int32" | "bool";

/** No attributes. */
type None = Readonly<Record<never, never>>;

interface Reduction {
  /** Ascending. */
  readonly axis: readonly number[];
  readonly keepDims: boolean;
}

interface OneAxis {
  readonly axis: number;
}

interface Epsilon {
  /** Added to the variance. */
  readonly epsilon: number;
}

interface Filling<L> {
  readonly shape: readonly L[];
  readonly value: number;
  readonly type: ValueType;
}

/**
 * The attributes of each operation, in explicit form: no negative axes, no absent values. `L` is what an axis length is:
 * a number while a program is recorded, what follows named lengths afterwards.
 */
export interface Attributes<L> {
  // Element-wise, two operands
  Add: None;
  Sub: None;
  Multiply: None;
  RealDiv: None;
  Maximum: None;
  Minimum: None;
  SquaredDifference: None;
  Pow: None;
  Greater: None;
  Less: None;
  Equal: None;
  // Element-wise, one operand
  Abs: None;
  Neg: None;
  Sign: None;
  Square: None;
  Sqrt: None;
  Rsqrt: None;
  Reciprocal: None;
  Exp: None;
  Log: None;
  Sin: None;
  Cos: None;
  Erf: None;
  Tanh: None;
  Sigmoid: None;
  Relu: None;
  ZerosLike: None;
  OnesLike: None;
  /** The value of negative elements; the gradient of abs has -1. */
  Step: { readonly alpha: number };
  Cast: { readonly type: ValueType };
  Select: None;
  // Reductions
  Sum: Reduction;
  Mean: Reduction;
  Max: Reduction;
  Softmax: OneAxis;
  // Products
  BatchMatMul: {
    readonly transposeA: boolean;
    readonly transposeB: boolean;
    /** What the product is multiplied by, after fusion. @default 1 */
    readonly scale?: number;
  };
  // Movement
  Reshape: { readonly shape: readonly L[] };
  ExpandDims: OneAxis;
  Transpose: { readonly perm: readonly number[] };
  GatherV2: OneAxis;
  Concat: OneAxis;
  Slice: { readonly begin: readonly L[]; readonly size: readonly L[] };
  SplitV: OneAxis & { readonly sizes: readonly L[] };
  PadV2: { readonly paddings: readonly (readonly [before: L, after: L])[]; readonly value: number };
  Tile: { readonly reps: readonly L[] };
  Fill: Filling<L>;
  // Made by passes
  /** As `Fill`, and element-wise: it takes no memory where it is used. */
  Uniform: Filling<L>;
  Normalise: Epsilon;
  LayerNorm: Epsilon;
  Gelu: None;
}

/** The name of an operation: that of the TensorFlow.js kernel, or what passes call it. */
export type Op = keyof Attributes<number>;

/** Traits of operations that passes depend on. */
interface Traits {
  /** An element of the result follows from one element of each operand, under broadcasting. */
  readonly elementwise?: true;
  /** Costs next to nothing to compute again where its operands are at hand. */
  readonly cheap?: true;
  /** Takes one or more axes together. */
  readonly reduces?: true;
  /** Hands on the bytes of its operand under another shape. */
  readonly reshapes?: true;
}

const ELEMENTWISE = { elementwise: true } as const;
const CHEAP = { elementwise: true, cheap: true } as const;
const REDUCES = { reduces: true } as const;
const RESHAPES = { reshapes: true } as const;

/** The traits of every operation. */
export const TRAITS = {
  Add: CHEAP,
  Sub: CHEAP,
  Multiply: CHEAP,
  RealDiv: ELEMENTWISE,
  Maximum: ELEMENTWISE,
  Minimum: ELEMENTWISE,
  SquaredDifference: ELEMENTWISE,
  Pow: ELEMENTWISE,
  Greater: ELEMENTWISE,
  Less: ELEMENTWISE,
  Equal: ELEMENTWISE,
  Abs: ELEMENTWISE,
  Neg: CHEAP,
  Sign: ELEMENTWISE,
  Square: CHEAP,
  Sqrt: ELEMENTWISE,
  Rsqrt: ELEMENTWISE,
  Reciprocal: ELEMENTWISE,
  Exp: ELEMENTWISE,
  Log: ELEMENTWISE,
  Sin: ELEMENTWISE,
  Cos: ELEMENTWISE,
  Erf: ELEMENTWISE,
  Tanh: ELEMENTWISE,
  Sigmoid: ELEMENTWISE,
  Relu: ELEMENTWISE,
  ZerosLike: ELEMENTWISE,
  OnesLike: ELEMENTWISE,
  Step: ELEMENTWISE,
  Cast: ELEMENTWISE,
  Select: ELEMENTWISE,
  Sum: REDUCES,
  Mean: REDUCES,
  Max: REDUCES,
  Softmax: {},
  BatchMatMul: {},
  Reshape: RESHAPES,
  ExpandDims: RESHAPES,
  Transpose: {},
  GatherV2: {},
  Concat: {},
  Slice: {},
  SplitV: {},
  PadV2: {},
  Tile: {},
  Fill: {},
  Uniform: ELEMENTWISE,
  Normalise: {},
  LayerNorm: {},
  Gelu: {},
} as const satisfies Readonly<Record<Op, Traits>>;

/** The operations that have a trait. */
export type OpThat<T extends keyof Traits> = {
  [O in Op]: (typeof TRAITS)[O] extends Readonly<Record<T, true>> ? O : never;
}[Op];

/** Whether an operation has a trait. */
export function is<T extends keyof Traits>(op: Op, trait: T): op is OpThat<T> {
  return (TRAITS[op] as Traits)[trait] === true;
}
