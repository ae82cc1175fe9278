import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../../lib/compile/mod.ts";
import { Recent } from "../../../lib/runtime/native/recent.ts";
import { floatTensor } from "../../../lib/tensor.ts";
import { NATIVE, testOn } from "../../runtimes.ts";

const SCALE: Program = {
  name: "scale",
  carried: [],
  inputs: { x: { dtype: "float32", shape: ["rows", 1024] } },
  run: ({ x }) => ({ y: tf.softmax(tf.transpose(tf.mul(x!, 3))) }),
};

async function softmaxOf(rows: number, reserved?: number): Promise<Float32Array> {
  const executable = await (await NATIVE.create({ threads: 1 })).prepare(SCALE);
  if (reserved !== undefined) executable.reserve({ rows: reserved });
  const x = floatTensor([rows, 1024], Float32Array.from({ length: rows * 1024 }, (_, i) => i % 7));
  const { y } = await executable.run({ x });
  executable.dispose();
  return y!.data as Float32Array;
}

testOn(
  NATIVE,
  "reserve() changes no result, whether lengths stay within what was expected or exceed it",
  async () => {
    const wanted = await softmaxOf(300);
    // Of 20,000 rows: more than 64 MB, which are populated while the program runs.
    for (const reserved of [1, 299, 300, 20_000]) {
      assert.deepEqual(await softmaxOf(300, reserved), wanted, `${reserved}`);
    }
  },
);

testOn(NATIVE, "reserve() tells what a run takes: x, y and nothing of them twice", async () => {
  const runtime = await NATIVE.create({ threads: 1 });
  const [first, second] = [await runtime.prepare(SCALE), await runtime.prepare(SCALE)];
  const [one, two] = [100, 200].map((rows) => first.reserve({ rows })!.workBytes);
  assert.ok(one! >= 2 * 100 * 4096 && one! <= 3 * 100 * 4096, `${one}`);
  assert.ok(Math.abs(two! / one! - 2) < 0.01);
  assert.ok(first.reserve({ rows: 1 })!.programBytes > 0);
  assert.equal(second.reserve({ rows: 1 })!.programBytes, 0);
});

testOn(
  NATIVE,
  "reserve() of more than there is takes nothing and says how much it would be",
  async () => {
    const executable = await (await NATIVE.create({ threads: 1 })).prepare(SCALE);
    assert.ok(executable.reserve({ rows: 1e10 })!.workBytes > 8e13);
  },
);

Deno.test("Recent keeps what was used last", () => {
  const made: string[] = [];
  const recent = new Recent<string>(2);
  const get = (key: string) =>
    recent.get(key, () => {
      made.push(key);
      return key;
    });
  for (const key of ["a", "b", "a", "c", "a", "b"]) assert.equal(get(key), key);
  assert.deepEqual(made, ["a", "b", "c", "b"]);
});
