import * as tf from "@tensorflow/tfjs";
import type { Program } from "../compile/mod.ts";

/**
 * What multinomial regression needs to know of some rows, for any number R of them: `logPartition` [R], the logarithm
 * of the denominator of each row's softmax, and its gradient summed over the rows, `weightSums` [C D] and
 * `biasSums` [C].
 */
export function partitionProgram(width: number, classCount: number): Program {
  return {
    name: "softmax regression",
    carried: [],
    inputs: {
      features: { dtype: "float32", shape: ["rows", width] },
      weights: { dtype: "float32", shape: [classCount, width] },
      biases: { dtype: "float32", shape: [classCount] },
    },
    run: ({ features, weights, biases }) => {
      const scores = tf.add(
        tf.matMul(features as tf.Tensor2D, weights as tf.Tensor2D, false, true),
        biases!,
      );
      const most = tf.max(scores, 1, true);
      const masses = tf.exp(tf.sub(scores, most));
      const totals = tf.sum(masses, 1, true);
      const probabilities = tf.div(masses, totals) as tf.Tensor2D;
      return {
        logPartition: tf.add(tf.log(totals), most).squeeze([1]),
        weightSums: tf.matMul(probabilities, features as tf.Tensor2D, true, false),
        biasSums: tf.sum(probabilities, 0),
      };
    },
  };
}
