import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256, sha256File } from "../../lib/files/mod.ts";
import {
  filesOfWeights,
  findWeightsFile,
  listWeightsFile,
  readWeightsFile,
  sha256OfWeights,
  writeSafetensors,
} from "../../lib/formats/safetensors.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { withFolder } from "../folder.ts";

const INDEX = "model.safetensors.index.json";
const FIRST = "model-00001-of-00002.safetensors", SECOND = "model-00002-of-00002.safetensors";
const A = floatTensor([2], Float32Array.of(1, 2)), B = floatTensor([1], Float32Array.of(3));
const MAP = { a: FIRST, b: SECOND };

async function writeParts(folder: string, weightMap: unknown = MAP): Promise<string> {
  await writeSafetensors(join(folder, FIRST), { a: A }, { format: "pt" });
  await writeSafetensors(join(folder, SECOND), { b: B }, { format: "pt" });
  const path = join(folder, INDEX);
  await Deno.writeTextFile(path, JSON.stringify({ metadata: {}, weight_map: weightMap }));
  return path;
}

Deno.test("readWeightsFile() reads all parts that an index names", async () => {
  await withFolder(async (folder) => {
    assert.equal(await findWeightsFile(folder), undefined);
    const path = await writeParts(folder);
    assert.equal(await findWeightsFile(folder), path);
    assert.deepEqual(await readWeightsFile(path), {
      tensors: { a: A, b: B },
      metadata: { format: "pt" },
    });
    const some = await readWeightsFile(path, { wanted: (name) => name === "b" });
    assert.deepEqual(some.tensors, { b: B });
    const { entries } = await listWeightsFile(path);
    assert.deepEqual(entries.map(({ name, shape }) => [name, shape]), [["a", [2]], ["b", [1]]]);
    assert.deepEqual(
      await filesOfWeights(path),
      [path, join(folder, FIRST), join(folder, SECOND)],
    );
  });
});

Deno.test("sha256OfWeights() is that of the file, or of the list of hashes as a shell makes it", async () => {
  await withFolder(async (folder) => {
    const path = await writeParts(folder);
    const bytes = await Deno.readFile(join(folder, FIRST));
    const hashOf = async (weights: string) => {
      const files = await filesOfWeights(weights);
      const hashed = files.map(async (path) => ({ path, sha256: await sha256File(path) }));
      return sha256OfWeights(await Promise.all(hashed));
    };
    assert.equal(await hashOf(join(folder, FIRST)), sha256(bytes));
    const command = `sha256sum ${INDEX} ${FIRST} ${SECOND} | sha256sum`;
    const { stdout } = await new Deno.Command("sh", { args: ["-c", command], cwd: folder })
      .output();
    const [wanted] = new TextDecoder().decode(stdout).split(" ");
    assert.equal(await hashOf(path), wanted);
    bytes[bytes.length - 1]! ^= 1;
    await Deno.writeFile(join(folder, FIRST), bytes);
    assert.notEqual(await hashOf(path), wanted);
  });
});

Deno.test("readWeightsFile() refuses an index that does not fit its parts", async () => {
  await withFolder(async (folder) => {
    const refused = async (weightMap: unknown, message: RegExp) => {
      const path = await writeParts(folder, weightMap);
      await assert.rejects(readWeightsFile(path), { name: "Failure", message });
    };
    await refused(
      { ...MAP, c: SECOND },
      /tensor "c" is not in "model-00002.*", where it should be/,
    );
    await refused({ a: SECOND, b: FIRST }, /tensor "a" is not in "model-00002/);

    await writeSafetensors(join(folder, "more.safetensors"), { x: A, y: B });
    await refused({ x: "more.safetensors" }, /it does not name tensor "y" of "more\.safetensors"/);
    await refused({ a: "../outside.safetensors" }, /"weight_map\.a" wants the name of/);
    await refused({ a: "/etc/passwd" }, /"weight_map\.a" wants the name of/);
    await refused({ a: 1 }, /"weight_map\.a" wants a text, got 1/);
    await refused([], /it names 0 files, wanted 1 to 1000/);
    await refused("x", /"weight_map" wants an object, got "x"/);
    await refused({}, /it names 0 files, wanted 1 to 1000/);
    await refused({ a: "gone.safetensors" }, /gone\.safetensors": it does not exist/);
    await Deno.writeTextFile(join(folder, INDEX), "[".repeat(1e6));
    await assert.rejects(readWeightsFile(join(folder, INDEX)), { kind: "data" });
  });
});
