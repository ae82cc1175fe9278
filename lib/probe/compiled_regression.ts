/** Logistic regression on a runtime, in float32 with float64 sums. */
import type { Runtime } from "../compile/mod.ts";
import { floatTensor, type TensorRecord } from "../tensor.ts";
import type { ClassifiedRows, SummedLoss } from "./logistic.ts";
import { partitionProgram, scoresProgram } from "./regression_programs.ts";
import { RowProgram } from "./row_program.ts";

/** Rounding in float32; errors of single rows mostly cancel out. */
const FLOAT32_NOISE = 1e-7;

/** Rows added up by class, [C D], then their number, [C]: the loss is linear in the scores of the true classes. */
function classSums({ features, classes, width, classCount }: ClassifiedRows) {
  const sums = new Float64Array(classCount * (width + 1));
  for (let row = 0; row < classes.length; row++) {
    const from = row * width, to = classes[row]! * width;
    for (let d = 0; d < width; d++) sums[to + d]! += features[from + d]!;
    sums[classCount * width + classes[row]!]!++;
  }
  return sums;
}

/** Parameters as programs take them. @param rounded weights [C D], then biases [C] */
function inputsOf(
  rounded: Float32Array<ArrayBuffer>,
  { width, classCount }: { readonly width: number; readonly classCount: number },
): TensorRecord {
  const size = classCount * width;
  return {
    weights: floatTensor([classCount, width], rounded.subarray(0, size)),
    biases: floatTensor([classCount], rounded.subarray(size)),
  };
}

/**
 * Softmax regression as `plainLoss` and `logisticScores` compute it, but by a runtime: float32 inside a block of rows,
 * float64 across blocks. The result does not depend on how many threads the runtime has.
 */
export class CompiledRegression implements Disposable {
  readonly #partition: RowProgram;
  readonly #scores: RowProgram;

  private constructor(partition: RowProgram, scores: RowProgram) {
    this.#partition = partition;
    this.#scores = scores;
  }

  /** Prepares for features of width D in C classes. */
  static async create(
    runtime: Runtime,
    { width, classCount }: { readonly width: number; readonly classCount: number },
  ): Promise<CompiledRegression> {
    const partition = await RowProgram.create(runtime, partitionProgram(width, classCount));
    const scores = await RowProgram.create(runtime, scoresProgram(width, classCount));
    return new CompiledRegression(partition, scores);
  }

  /** The summed cross-entropy of these rows. */
  lossOf(data: ClassifiedRows): SummedLoss {
    const { width, classCount } = data;
    const size = classCount * width;
    const linear = classSums(data);
    const evaluate = async (parameters: Float64Array, gradient: Float64Array) => {
      const rounded = Float32Array.from(parameters);
      const results = await this.#partition.run(data, inputsOf(rounded, data));
      let loss = 0;
      for (let i = 0; i < linear.length; i++) {
        loss -= linear[i]! * rounded[i]!;
        gradient[i] = -linear[i]!;
      }
      for (const { logPartition, weightSums, biasSums } of results) {
        for (const value of logPartition!.data) loss += value;
        weightSums!.data.forEach((value, i) => gradient[i]! += value);
        biasSums!.data.forEach((value, c) => gradient[size + c]! += value);
      }
      return loss;
    };
    return { evaluate, noise: FLOAT32_NOISE };
  }

  /**
   * Scores [R C] of a fitted classifier.
   *
   * @param features [R D], standardised as the training features were
   * @param parameters weights [C D], then biases [C]
   */
  async scores(
    features: Float32Array<ArrayBuffer>,
    parameters: Float64Array,
    sizes: { readonly width: number; readonly classCount: number },
  ): Promise<Float64Array<ArrayBuffer>> {
    const { width, classCount } = sizes;
    const inputs = inputsOf(Float32Array.from(parameters), sizes);
    const results = await this.#scores.run({ features, width }, inputs);
    const scores = new Float64Array(features.length / width * classCount);
    let filled = 0;
    for (const { scores: block } of results) {
      scores.set(block!.data, filled);
      filled += block!.data.length;
    }
    return scores;
  }

  [Symbol.dispose](): void {
    this.#partition[Symbol.dispose]();
    this.#scores[Symbol.dispose]();
  }
}
