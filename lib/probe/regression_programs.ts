/**
 * Programs of softmax regression over any number R of rows. Inputs: `features` [R D], `weights` [C D], `biases` [C].
 */

import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors } from "../compile/mod.ts";

function inputsOf(width: number, classCount: number): Program["inputs"] {
  return {
    features: { dtype: "float32", shape: ["rows", width] },
    weights: { dtype: "float32", shape: [classCount, width] },
    biases: { dtype: "float32", shape: [classCount] },
  };
}

function scoresOf({ features, weights, biases }: Tensors): tf.Tensor2D {
  const products = tf.matMul(features as tf.Tensor2D, weights as tf.Tensor2D, false, true);
  return tf.add(products, biases!);
}

/** `scores` [R C]. */
export function scoresProgram(width: number, classCount: number): Program {
  return {
    name: "scores",
    carried: [],
    inputs: inputsOf(width, classCount),
    run: (inputs) => ({ scores: scoresOf(inputs) }),
  };
}

/**
 * `logPartition` [R], the logarithm of the denominator of each row's softmax, and its gradient summed over the rows,
 * `weightSums` [C D] and `biasSums` [C].
 */
export function partitionProgram(width: number, classCount: number): Program {
  return {
    name: "softmax regression",
    carried: [],
    inputs: inputsOf(width, classCount),
    run: (inputs) => {
      const scores = scoresOf(inputs);
      const most = tf.max(scores, 1, true);
      const masses = tf.exp(tf.sub(scores, most));
      const totals = tf.sum(masses, 1, true);
      const probabilities = tf.div(masses, totals) as tf.Tensor2D;
      return {
        logPartition: tf.add(tf.log(totals), most).squeeze([1]),
        weightSums: tf.matMul(probabilities, inputs["features"] as tf.Tensor2D, true, false),
        biasSums: tf.sum(probabilities, 0),
      };
    },
  };
}
