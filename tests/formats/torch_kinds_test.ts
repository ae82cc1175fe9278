/**
 * Weights in the ways in which torch has written them: old files, other protocols, parameters, and foreign objects
 * beside the weights. The files of tests/fixtures/torch were written by torch 2.13.0 with make_kinds.py beside them.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import fc from "fast-check";
import { Failure } from "../../lib/failure.ts";
import { isTorchFile, readTorch } from "../../lib/formats/torch.ts";
import { floatTensor, type TensorRecord } from "../../lib/tensor.ts";
import { withFolder } from "../folder.ts";
import { storedZip } from "./stored_zip.ts";

const FIXTURES = new URL("../fixtures/torch/", import.meta.url).pathname;
const STATE: TensorRecord = {
  weight: floatTensor([2, 3], Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25)),
  bias: floatTensor([2], Float32Array.of(-1.5, 2)),
};

/** Copies, so that values are compared and not the memory that tensors share. */
function plain(tensors: TensorRecord): unknown {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, {
      dtype,
      shape,
      data: data.slice(),
    }]),
  );
}

for (
  const name of [
    ...["protocol3.pth", "protocol4.pth", "protocol5.pth", "parameters.pth", "attributes.pth"],
    ...["legacy-protocol4.pth"],
  ]
) {
  Deno.test(`readTorch() reads ${name}`, async () => {
    const path = join(FIXTURES, name);
    assert.ok(await isTorchFile(path));
    assert.deepEqual(plain(await readTorch(path)), STATE);
  });
}

Deno.test("readTorch() reads files of a torch before 1.6, and passes over types that no weights have", async () => {
  const path = join(FIXTURES, "legacy.pth");
  assert.ok(await isTorchFile(path));
  const half = floatTensor([2], Float32Array.of(-1.5, 2));
  assert.deepEqual(plain(await readTorch(path)), { ...STATE, half });
  assert.deepEqual(Object.keys(await readTorch(path, { wanted: (name) => name === "bias" })), [
    "bias",
  ]);
});

Deno.test("readTorch() passes over foreign objects beside the weights, whatever they are", async () => {
  const tensors = await readTorch(join(FIXTURES, "foreign.ckpt"));
  assert.deepEqual(Object.keys(tensors), ["rng", "state_dict.weight", "state_dict.bias"]);
  assert.deepEqual(plain(tensors), {
    rng: { dtype: "uint8", shape: [8], data: (tensors["rng"]!.data as Uint8Array).slice() },
    "state_dict.weight": STATE["weight"],
    "state_dict.bias": STATE["bias"],
  });
});

Deno.test("readTorch() names the object where there are no tensors but in it", async () => {
  const path = join(FIXTURES, "module.pth");
  await assert.rejects(readTorch(path), {
    kind: "data",
    message: `Cannot read "${path}": it has no tensors, but an object of ` +
      '"torch.nn.modules.linear.Linear"; only tensors in plain containers are read and nothing is executed, ' +
      "save the weights alone, as torch.save(model.state_dict(), path) does",
  });
});

/** One byte per character. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function unicode(text: string): string {
  return `X${String.fromCharCode(text.length)}\0\0\0${text}`;
}

/** `_rebuild_tensor_v2` of float storage 0 of 64 Ki elements. */
function tensor(shapeAndStrides: string): string {
  const id = `(${unicode("storage")}ctorch\nFloatStorage\n${unicode("0")}${
    unicode("cpu")
  }J\0\0\x01\0tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${id}K\0${shapeAndStrides}\x89ccollections\nOrderedDict\n)RtR`;
}

async function withArchive(
  pickle: string,
  members: Readonly<Record<string, Uint8Array>>,
  body: (path: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    await Deno.writeFile(path, storedZip({ "a/data.pkl": bytesOf(pickle), ...members }));
    await body(path);
  });
}

const STORAGE = { "a/data/0": new Uint8Array(4 * 65536) };

Deno.test("readTorch() takes the memory of one storage for 2,000 tensors that share it", async () => {
  const entries = Array.from(
    { length: 2000 },
    (_, i) => unicode(`t${i}`) + tensor("J\0\0\x01\0\x85K\x01\x85"),
  );
  await withArchive(`\x80\x02}(${entries.join("")}u.`, STORAGE, async (path) => {
    const tensors = Object.values(await readTorch(path));
    assert.equal(tensors.length, 2000);
    assert.equal(new Set(tensors.map(({ data }) => data.buffer)).size, 1);
  });
});

Deno.test("readTorch() holds copies in another order to the size of the storages", async () => {
  const turned = (rows: string, columns: string) =>
    tensor(`M${rows}M${columns}\x86K\x01M${rows}\x86`);
  const entries = ["\x80\0", "\x40\0", "\x20\0", "\x10\0"].map((rows, i) =>
    unicode(`t${i}`) + turned(rows, "\x80\0")
  );
  // The same view twice is copied once: [128 128] and [64 128] of 65,536 elements, both fit.
  const twice = `\x80\x02}(${entries[0]}${unicode("same")}${turned("\x80\0", "\x80\0")}u.`;
  await withArchive(twice, STORAGE, async (path) => {
    const { t0, same } = await readTorch(path) as TensorRecord;
    assert.equal(t0!.data, same!.data);
  });
  const many = Array.from(
    { length: 8 },
    (_, i) => unicode(`t${i}`) + turned(`${String.fromCharCode(200 + i)}\0`, "\x80\0"),
  );
  await withArchive(`\x80\x02}(${many.join("")}u.`, STORAGE, async (path) => {
    await assert.rejects(readTorch(path), /its tensors take more memory than their 1 storages/);
  });
});

Deno.test("readTorch() refuses pickles and archives that would become far more than they are", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["}".repeat(1.1e6), /its pickle makes more objects than weights need/],
    [`}${"2".repeat(4.1e6)}.`, /its pickle makes more objects than weights need/],
    [`}${"\x94".repeat(4.1e6)}.`, /its pickle makes more objects than weights need/],
    [`\x8b\0\0\x40\0${"\xff".repeat(1 << 22)}.`, /it has no tensors/],
    [
      // Ten dictionaries, each ten times in the one before.
      Array.from({ length: 10 }, (_, i) => {
        const inner = i === 0 ? "N" : `h${String.fromCharCode(i - 1)}`;
        const items = Array.from(
          { length: 10 },
          (_, key) => `K${String.fromCharCode(key)}${inner}`,
        );
        return `}(${items.join("")}uq${String.fromCharCode(i)}`;
      }).join("") + ".",
      /it has more than 1000000 entries/,
    ],
  ];
  for (const [text, message] of cases) {
    await withArchive(`\x80\x02${text}`, {}, async (path) => {
      await assert.rejects(readTorch(path), { kind: "data", message });
    });
  }
  await withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    const whole = storedZip({ "a/data.pkl": bytesOf("\x80\x02}."), ...STORAGE });
    // Two more members in the place of the storage: names of the directory, whose bytes are there once.
    const text = new TextDecoder("latin1").decode(whole);
    const member = text.lastIndexOf("PK\x01\x02"), end = text.lastIndexOf("PK\x05\x06");
    const more = ["1", "2"].map((key) =>
      text.slice(member, end).replace("a/data/0", `a/data/${key}`)
    );
    const changed = bytesOf(text.slice(0, end) + more.join("") + text.slice(end));
    const view = new DataView(changed.buffer, changed.length - 22);
    view.setUint16(10, 4, true);
    view.setUint32(12, view.getUint32(12, true) + more.join("").length, true);
    await Deno.writeFile(path, changed);
    await assert.rejects(readTorch(path), {
      kind: "data",
      message: /its members announce 786436 bytes in a file of \d+/,
    });
  });
});

Deno.test("readTorch() says where an old file ends too early, and what its storages lack", async () => {
  const bytes = await Deno.readFile(join(FIXTURES, "legacy.pth"));
  await withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    await Deno.writeFile(path, bytes.subarray(0, bytes.length - 1));
    await assert.rejects(readTorch(path), /it is cut short inside of storage \d+/);
    await Deno.writeFile(path, bytes.subarray(0, 300));
    await assert.rejects(readTorch(path), /its pickle is cut short/);
  });
});

Deno.test("readTorch() survives old files and pickles with any bytes changed", async () => {
  const legacy = await Deno.readFile(join(FIXTURES, "legacy.pth"));
  const foreign = await Deno.readFile(join(FIXTURES, "foreign.ckpt"));
  // The pickle of an archive alone: there a checksum would hide what comes behind it.
  const start = foreign.findIndex((byte, at) => byte === 0x80 && foreign[at + 1] === 2);
  const pickle = foreign.subarray(start, start + 5000);
  await withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    const survives = async (bytes: Uint8Array) => {
      await Deno.writeFile(path, bytes);
      const error = await readTorch(path).then(() => undefined, (thrown: unknown) => thrown);
      assert.ok(error === undefined || error instanceof Failure, `${(error as Error)?.stack}`);
    };
    const changes = (length: number) =>
      fc.array(fc.tuple(fc.nat(length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
    const changed = (bytes: Uint8Array<ArrayBuffer>, places: readonly [number, number][]) => {
      const copy = bytes.slice();
      for (const [at, value] of places) copy[at] = value;
      return copy;
    };
    await fc.assert(
      fc.asyncProperty(changes(legacy.length), (places) => survives(changed(legacy, places))),
      { numRuns: 400, seed: 13 },
    );
    await fc.assert(
      fc.asyncProperty(
        changes(pickle.length),
        (places) => survives(storedZip({ "a/data.pkl": changed(pickle, places) })),
      ),
      { numRuns: 400, seed: 13 },
    );
  });
});
