import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../../lib/compile/mod.ts";
import { floatTensor } from "../../../lib/tensor.ts";
import { COMPILED, NATIVE, testOn } from "../../runtimes.ts";

const ROWS: Program = {
  name: "rows",
  carried: [],
  inputs: { x: { dtype: "float32", shape: ["rows", 100] } },
  run: ({ x }) => ({
    same: x!,
    turned: tf.reshape(x!, [-1]),
    softmax: tf.softmax(x!),
    gram: tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D, false, true),
  }),
};

/** 300 rows, which are large enough to be read in place, somewhere in a buffer. */
function rowsAt(begin: number, { behind }: { readonly behind: number }) {
  const all = new Float32Array(begin + 30_000 + behind).fill(NaN);
  const rows = all.subarray(begin, begin + 30_000);
  for (let i = 0; i < rows.length; i++) rows[i] = Math.sin(i);
  return { all, rows };
}

for (const tried of [NATIVE, ...COMPILED]) {
  testOn(
    tried,
    "a run reads its inputs wherever they lie, changes none, and gives the same bits",
    async () => {
      for (const threads of [1, 3]) {
        const executable = await (await tried.create({ threads })).prepare(ROWS);
        const wanted = await executable.run({
          x: floatTensor([300, 100], rowsAt(0, { behind: 0 }).rows),
        });
        assert.deepEqual(wanted["same"]!.data, rowsAt(0, { behind: 0 }).rows);
        assert.deepEqual(wanted["turned"]!.data, wanted["same"]!.data);
        // What lies behind is not a number: it must not get into anything.
        for (const [begin, behind] of [[0, 16], [3, 16], [5, 15], [1000, 5000], [17, 0]] as const) {
          const { all, rows } = rowsAt(begin, { behind });
          const before = all.slice();
          const got = await executable.run({ x: floatTensor([300, 100], rows) });
          assert.deepEqual(got, wanted, `${begin} before, ${behind} behind`);
          assert.deepEqual(all, before);
          assert.notEqual(got["same"]!.data.buffer, all.buffer);
        }
        executable.dispose();
      }
    },
  );
}
