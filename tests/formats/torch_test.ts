/**
 * The files of tests/fixtures/torch were written by torch 2.13.0 with make.py beside them: one as the official code
 * writes checkpoints, with every kind of storage and view, and one that would run a command if it were executed.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { isTorchFile, readTorch } from "../../lib/formats/torch.ts";
import { withFolder } from "../folder.ts";
import { storedZip } from "./stored_zip.ts";

const FIXTURES = new URL("../fixtures/torch/", import.meta.url).pathname;
const OFFICIAL = join(FIXTURES, "official.pth.tar"), HOSTILE = join(FIXTURES, "hostile.pth.tar");

/** Element i of tensor p, as make.py has it; exact in every float type. */
function valueOf(i: number, p: number, offset: number): number {
  return ((7 * i + 13 * p + offset) % 64) / 64 - 0.5;
}

async function refusalOf(path: string): Promise<string> {
  const error = await readTorch(path).then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof Failure, `wanted a Failure, got ${error}`);
  assert.equal(error.kind, "data");
  assert.ok(error.message.startsWith(`Cannot read "${path}": `), error.message);
  return error.message.slice(`Cannot read "${path}": `.length);
}

async function refusal(bytes: Uint8Array): Promise<string> {
  let text = "";
  await withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    await Deno.writeFile(path, bytes);
    text = await refusalOf(path);
  });
  return text;
}

/** Bytes of a pickle from text (one byte per character). */
function pickle(text: string): Uint8Array {
  return Uint8Array.from(`\x80\x02${text}`, (character) => character.charCodeAt(0));
}

/** A short text, as a pickle has it. */
function unicode(text: string): string {
  return `X${String.fromCharCode(text.length)}\0\0\0${text}`;
}

function archive(text: string, members: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  return storedZip({ "archive/data.pkl": pickle(text), ...members });
}

/** `_rebuild_tensor_v2` of 4 floats in storage 0. */
function tensor(shape: string, strides: string, { offset = "K\0", length = "K\x04" } = {}): string {
  const id = `(${unicode("storage")}ctorch\nFloatStorage\n${unicode("0")}${
    unicode("cpu")
  }${length}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${id}${offset}${shape}${strides}\x89ccollections\nOrderedDict\n)RtR`;
}

const FOUR = { "archive/data/0": new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };
const ONLY_TENSORS =
  "; only tensors in plain containers are read and nothing is executed, save the weights alone, " +
  "as torch.save(model.state_dict(), path) does";
const AGAIN = ", take another copy or save it again with torch.save";

Deno.test("readTorch() reads what torch writes: nested states, shared storages, strides, half precision", async () => {
  assert.ok(await isTorchFile(OFFICIAL));
  const tensors = await readTorch(OFFICIAL);
  const offsets = { encoder: 0, predictor: 20, target_encoder: 40 };
  for (const [network, offset] of Object.entries(offsets)) {
    const names = Object.keys(tensors).filter((name) => name.startsWith(`${network}.module.`));
    assert.equal(names.length, network === "predictor" ? 20 : 17);
    names.forEach((name, p) => {
      const { dtype, data } = tensors[name]!;
      assert.equal(dtype, "float32");
      assert.deepEqual(
        Array.from(data, Number),
        Array.from(data, (_, i) => valueOf(i, p, offset)),
        name,
      );
    });
  }
  assert.deepEqual(tensors["encoder.module.blocks.0.mlp.fc1.weight"]!.shape, [32, 8]);
  assert.deepEqual(tensors["opt.state.0.step"], {
    dtype: "float32",
    shape: [],
    data: Float32Array.of(3),
  });
  assert.equal(Object.keys(tensors).length, 17 + 17 + 20 + 2);
});

Deno.test("readTorch() loads only what is wanted", async () => {
  const tensors = await readTorch(OFFICIAL, { wanted: (name) => name.endsWith("norm.bias") });
  assert.deepEqual(Object.keys(tensors), [
    "encoder.module.norm.bias",
    "predictor.module.predictor_norm.bias",
    "target_encoder.module.norm.bias",
  ]);
});

Deno.test("readTorch() reads archives with 32-bit and 64-bit sizes, and data descriptors", async () => {
  const text = `}${unicode("a")}${tensor("K\x02K\x02\x86", "K\x01K\x02\x86")}s.`;
  for (const zip64 of [false, true]) {
    await withFolder(async (folder) => {
      const path = join(folder, "x.pth");
      await Deno.writeFile(
        path,
        storedZip({ "archive/data.pkl": pickle(text), ...FOUR }, { zip64 }),
      );
      assert.deepEqual(await readTorch(path), {
        a: { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 3, 2, 4) },
      });
    });
  }
});

Deno.test("readTorch() executes nothing: a file that wants to run a command is refused by name", async () => {
  assert.equal(await refusalOf(HOSTILE), `its pickle wants "posix.system"${ONLY_TENSORS}`);
  await assert.rejects(Deno.stat("owned"), Deno.errors.NotFound);
});

Deno.test("readTorch() refuses instructions that make no weights, and names that would run something", async () => {
  const cases: [text: string, wanted: string][] = [
    [`cos\nsystem\n${unicode("ls")}\x85R.`, 'its pickle wants "os.system"'],
    [`cbuiltins\neval\n${unicode("1")}\x85R.`, 'its pickle wants "builtins.eval"'],
    ["c__builtin__\nexec\n.", 'its pickle wants "__builtin__.exec"'],
    ["\x8c\x0asubprocess\x8c\x05Popen\x93.", 'its pickle wants "subprocess.Popen"'],
    ["K\x01K\x02\x93.", "its pickle has a name that is no text"],
    ["(ios\nsystem\n.", "its pickle has instruction 0x69 at byte 3"],
    ["ccollections\nOrderedDict\n)\x81.", "it has no tensors"],
    ["\x97.", "its pickle has instruction 0x97 at byte 2"],
    ["\x82\x01.", "its pickle has instruction 0x82 at byte 2"],
    ["\x93.", "its pickle takes from an empty stack"],
    ["ctorch\nFloatStorage\n)R.", "its pickle calls what is no function"],
    [`${unicode("f")})R.`, "its pickle calls what is no function"],
    ["ccollections\nOrderedDict\n(K\x01tR.", "its pickle fills a dictionary in an unknown way"],
    ["ccollections\nOrderedDict\n}b.", "its pickle sets attributes of what has none"],
    ["K\x01}b.", "its pickle sets attributes of what has none"],
    ["}K\x01\x85Ns.", "it has no tensors"],
    ["cmodels\nViT\n)\x81}b.", 'it has no tensors, but an object of "models.ViT"'],
    ["}(K\x01\x90.", "its pickle adds to what is no set"],
    ["\x8b\xff\xff\xff\xff.", "its pickle announces -1 bytes"],
    ["\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "its pickle is cut short"],
    ["]K\x01K\x02s.", "its pickle sets items of what is no dictionary"],
    ["}K\x01a.", "its pickle appends to what is no list"],
    ["h\x07.", "its pickle refers to what it has not said"],
    ["(.", "its pickle takes from an empty stack"],
    ["t.", "its pickle lacks a mark"],
    ["}", "its pickle is cut short"],
    ["X\xff\xff\xff\xffabc.", "its pickle is cut short"],
    ["X\x01\0\0\0\xff.", "its pickle holds text that is not UTF-8"],
    ["}q\0K\x01h\0s.", "it has no tensors"],
    [`${unicode("storage")}Q.`, "its pickle refers to what is no storage"],
  ];
  for (const [text, wanted] of cases) {
    assert.equal(await refusal(archive(text)), wanted + ONLY_TENSORS, JSON.stringify(text));
  }
  const protocol6 = storedZip({ "archive/data.pkl": Uint8Array.of(0x80, 6, 0x2e) });
  assert.equal(await refusal(protocol6), `its pickle has protocol 6, wanted 2 to 5${ONLY_TENSORS}`);
});

Deno.test("readTorch() refuses tensors that are not in their storage", async () => {
  const whole = (...parts: Parameters<typeof tensor>) => `}${unicode("a")}${tensor(...parts)}s.`;
  const cases: [text: string, wanted: string][] = [
    [
      whole("K\x05\x85", "K\x01\x85"),
      `a tensor of shape [5] reaches to element 4 of storage 0, which has 4${ONLY_TENSORS}`,
    ],
    [
      whole("K\x02\x85", "K\x01\x85", { offset: "K\x03" }),
      `a tensor of shape [2] reaches to element 4 of storage 0, which has 4${ONLY_TENSORS}`,
    ],
    [
      whole("J\0\0\0\x40\x85", "K\0\x85"),
      `a tensor of shape [1073741824] is larger than its storage 0${ONLY_TENSORS}`,
    ],
    [
      whole("K\x02\x85", "J\xff\xff\xff\xff\x85"),
      `its pickle makes a tensor of what is no storage, shape and strides${ONLY_TENSORS}`,
    ],
    [
      whole("K\x05\x85", "K\x01\x85", { length: "K\x05" }),
      `storage 0 has 16 bytes, wanted 20 for 5 elements of FloatStorage${AGAIN}`,
    ],
  ];
  for (const [text, wanted] of cases) assert.equal(await refusal(archive(text, FOUR)), wanted);
  assert.equal(
    await refusal(archive(whole("K\x04\x85", "K\x01\x85"))),
    `storage 0 is missing${AGAIN}`,
  );
});

Deno.test("readTorch() says what is wrong with an archive", async () => {
  const bytes = await Deno.readFile(OFFICIAL);
  const noEnd = `it is cut short: the directory at the end of the archive is missing${AGAIN}`;
  assert.equal(await refusal(bytes.subarray(0, bytes.length - 1)), noEnd);
  assert.equal(await refusal(bytes.subarray(0, 9000)), noEnd);
  const changed = bytes.slice();
  changed[4000]! ^= 1;
  assert.equal(
    await refusal(changed),
    `member "official.pth/data.pkl" does not have its checksum${AGAIN}`,
  );
  const middle = bytes.slice(500);
  assert.match(await refusal(Uint8Array.of(...bytes.slice(0, 4), ...middle)), /^(its|it|member) /);
  assert.equal(
    await refusal(storedZip({ "archive/data.pkl": pickle("}.") }, { method: 8 })),
    `member "archive/data.pkl" is compressed, wanted stored as torch.save does${AGAIN}`,
  );
  assert.equal(
    await refusal(storedZip({ "a/b": new Uint8Array(1) })),
    `the archive has no data.pkl${AGAIN}`,
  );
});

Deno.test("readTorch() never fails in another way than with a Failure, wherever the file is damaged", async () => {
  const bytes = await Deno.readFile(OFFICIAL);
  await withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    for (let at = 0; at < bytes.length; at += 211) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0xff;
      await Deno.writeFile(path, damaged);
      const error = await readTorch(path).then(() => undefined, (thrown: unknown) => thrown);
      assert.ok(error === undefined || error instanceof Failure, `byte ${at}: ${error}`);
    }
  });
});
