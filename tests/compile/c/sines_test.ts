/** Sines and cosines of compiled programs against those of double precision. */

import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../../lib/compile/mod.ts";
import { floatTensor } from "../../../lib/tensor.ts";
import { runtimesNamed, testOn, WIDTHS } from "../../runtimes.ts";

const PROGRAM: Program = {
  name: "sines",
  carried: [],
  inputs: { x: { dtype: "float32", shape: ["n"] } },
  run: ({ x }) => ({ sine: tf.sin(x!), cosine: tf.cos(x!) }),
};

/** Numbers on either side of 0: evenly, around quarter turns, and up to `largest` by ratios. */
function anglesUpTo(largest: number): Float32Array<ArrayBuffer> {
  const even = Array.from({ length: 4001 }, (_, i) => 0.005 * i);
  const quarters = Array.from({ length: 100 }, (_, i) => i * Math.PI / 2)
    .flatMap((x) => [x, x * (1 + 1e-7), x * (1 - 1e-7)]);
  const far = Array.from({ length: 2000 }, (_, i) => 1e-6 * (largest / 1e-6) ** (i / 1999));
  const positive = [...even, ...quarters, ...far].filter((x) => x <= largest);
  return Float32Array.from(positive.flatMap((x) => [x, -x]));
}

for (const tried of [...runtimesNamed("onnx", "native"), ...WIDTHS]) {
  testOn(tried, "sines and cosines are exact to 1.3e-7, up to a million", async () => {
    const executable = await (await tried.create({ threads: 1 })).prepare(PROGRAM);
    for (const [largest, tolerance] of [[1e6, 1.3e-7], [1e9, 3e-7]] as const) {
      // Another library reduces large numbers by less digits.
      const x = anglesUpTo(tried.name === "onnx" ? 1000 : largest);
      const got = await executable.run({ x: floatTensor([x.length], x) });
      for (const [name, exact] of [["sine", Math.sin], ["cosine", Math.cos]] as const) {
        const { data } = got[name]!;
        x.forEach((angle, i) => {
          const off = Math.abs(Number(data[i]) - exact(angle));
          assert.ok(off < tolerance, `${name} of ${angle}: ${data[i]}, off by ${off}`);
        });
      }
    }
    executable.dispose();
  });
}

for (const tried of [...runtimesNamed("native"), ...WIDTHS]) {
  testOn(tried, "sines are bounded everywhere, and no numbers of none", async () => {
    const executable = await (await tried.create({ threads: 1 })).prepare(PROGRAM);
    const x = Float32Array.of(0, 3e38, -3e38, 1e10, Infinity, -Infinity, NaN);
    const { sine, cosine } = await executable.run({ x: floatTensor([x.length], x) });
    executable.dispose();
    for (const { data } of [sine!, cosine!]) {
      for (const value of data.slice(0, 4)) assert.ok(Math.abs(Number(value)) <= 1, `${value}`);
      assert.deepEqual([...data.slice(4)], [NaN, NaN, NaN]);
    }
    assert.equal(sine!.data[0], 0);
    assert.equal(cosine!.data[0], 1);
  });
}
