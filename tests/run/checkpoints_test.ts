import assert from "node:assert/strict";
import { join } from "node:path";
import type { Failure } from "../../lib/failure.ts";
import { encodeSafetensors } from "../../lib/formats/safetensors.ts";
import {
  checkpointAt,
  latestCheckpoint,
  listCheckpoints,
  readCheckpoint,
} from "../../lib/run/mod.ts";
import { setAside, writeCheckpoint } from "../../lib/run/checkpoint_writing.ts";
import { floatTensor, type TensorRecord } from "../../lib/tensor.ts";

function stateOf(value: number): TensorRecord {
  return { w: floatTensor([2, 2], new Float32Array(4).fill(value)), b: floatTensor([1]) };
}

async function withRun(use: (run: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(join(directory, "run"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function writeSteps(run: string, steps: readonly number[]): Promise<void> {
  for (const step of steps) await writeCheckpoint(run, { step, tensors: stateOf(step) });
}

const stepsIn = async (run: string) => (await listCheckpoints(run)).map(({ step }) => step);

Deno.test("writeCheckpoint() writes what latestCheckpoint() and readCheckpoint() give back", async () => {
  await withRun(async (run) => {
    assert.equal(await latestCheckpoint(run), undefined);
    await writeSteps(run, [100, 200]);
    const latest = await latestCheckpoint(run);
    assert.deepEqual(latest, { step: 200, path: join(run, "checkpoints/step-00000200") });
    const shapes = { b: [1], w: [2, 2] };
    assert.deepEqual({ ...await readCheckpoint(latest!, { shapes }) }, stateOf(200));
    const first = await checkpointAt(run, 100);
    const wanted = (name: string) => name === "w";
    assert.deepEqual({ ...await readCheckpoint(first, { wanted }) }, { w: stateOf(100)["w"] });
    const record = JSON.parse(await Deno.readTextFile(join(first.path, "state.json")));
    const bytes = encodeSafetensors(stateOf(100), { format: "pt", step: "100" });
    assert.equal(record.step, 100);
    assert.equal(record.bytes, bytes.length);
    assert.deepEqual(await Deno.readFile(join(first.path, "state.safetensors")), bytes);
  });
});

Deno.test("checkpointAt() lists the steps that are there", async () => {
  await withRun(async (run) => {
    await writeSteps(run, [100, 200]);
    await assert.rejects(checkpointAt(run, 150), {
      kind: "missing",
      message:
        `Cannot open the run "${run}": it has no checkpoint of step 150, there are: 100, 200`,
    });
  });
});

async function editRecord(path: string, change: object): Promise<void> {
  const file = join(path, "state.json");
  const record = JSON.parse(await Deno.readTextFile(file));
  await Deno.writeTextFile(file, JSON.stringify({ ...record, ...change }));
}

type Damage = (path: string) => Promise<unknown>;
const DAMAGES: readonly [what: string, damage: Damage, message: RegExp][] = [
  [
    "a changed byte",
    async (path) => {
      using file = await Deno.open(join(path, "state.safetensors"), { read: true, write: true });
      await file.seek(-2, Deno.SeekMode.End);
      await file.write(Uint8Array.of(7));
    },
    /: state\.safetensors was changed: wanted SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}$/,
  ],
  [
    "a cut file",
    (path) => Deno.truncate(join(path, "state.safetensors"), 50),
    /: state\.safetensors has the wrong length: wanted \d+ bytes, got 50$/,
  ],
  [
    "no state",
    (path) => Deno.remove(join(path, "state.safetensors")),
    /: state\.safetensors is missing$/,
  ],
  [
    "no record",
    (path) => Deno.remove(join(path, "state.json")),
    /: state\.json is missing$/,
  ],
  [
    "an empty record",
    (path) => Deno.writeTextFile(join(path, "state.json"), ""),
    /: state\.json does not describe a checkpoint in version 1 \(it is not JSON \(Unexpected end of JSON input\)\)$/,
  ],
  [
    "another record",
    (path) => Deno.writeTextFile(join(path, "state.json"), "null"),
    /: state\.json does not describe a checkpoint in version 1 \(the whole wants an object, got null\)$/,
  ],
  [
    "a record of text only",
    (path) => Deno.writeTextFile(join(path, "state.json"), '{"format":'.repeat(200_000)),
    /: state\.json has 2000000 bytes, wanted at most 1000000$/,
  ],
  [
    "a negative step",
    (path) => editRecord(path, { step: -200 }),
    /: state\.json does not describe a checkpoint in version 1 \("step" wants at least 0, got -200\)$/,
  ],
  [
    "half a byte",
    (path) => editRecord(path, { bytes: 187.5 }),
    /: state\.json does not describe a checkpoint in version 1 \("bytes" wants .*, got 187\.5\)$/,
  ],
  [
    "a hash that is none",
    (path) => editRecord(path, { sha256: null }),
    /: state\.json does not describe a checkpoint in version 1 \("sha256" wants .*, got null\)$/,
  ],
  [
    "the state of another step and a record that vouches for it",
    async (path) => {
      const other = join(path, "../step-00000100");
      await Deno.copyFile(join(other, "state.safetensors"), join(path, "state.safetensors"));
      await Deno.copyFile(join(other, "state.json"), join(path, "state.json"));
      await editRecord(path, { step: 200 });
    },
    /: state\.safetensors wants step 200 by its name, got 100$/,
  ],
  [
    "a directory as state",
    async (path) => {
      await Deno.remove(join(path, "state.safetensors"));
      await Deno.mkdir(join(path, "state.safetensors"));
    },
    /: state\.safetensors is not readable \(it is a directory\)$/,
  ],
  [
    "another step",
    (path) => Deno.copyFile(join(path, "../step-00000100/state.json"), join(path, "state.json")),
    /: state\.json wants step 200 by its name, got 100$/,
  ],
];

for (const [what, damage, message] of DAMAGES) {
  Deno.test(`latestCheckpoint() names a checkpoint with ${what} and takes the one before`, async () => {
    await withRun(async (run) => {
      await writeSteps(run, [100, 200]);
      await damage(join(run, "checkpoints/step-00000200"));
      const reported: string[] = [];
      const latest = await latestCheckpoint(run, (checkpoint, failure) => {
        assert.equal(checkpoint.step, 200);
        reported.push(failure.message);
      });
      assert.equal(latest?.step, 100);
      assert.equal(reported.length, 1);
      assert.match(reported[0]!, message);
      assert.ok(reported[0]!.startsWith(`Cannot use the checkpoint "${run}/checkpoints/`));
    });
  });
}

Deno.test("latestCheckpoint() fails when no checkpoint is valid, again and again", async () => {
  await withRun(async (run) => {
    await writeSteps(run, [100, 200]);
    for (const step of ["100", "200"]) {
      await Deno.truncate(join(run, `checkpoints/step-00000${step}/state.safetensors`), 9);
    }
    const fails = {
      kind: "data",
      message:
        `Cannot go on with "${run}": none of its checkpoints is valid (Cannot use the checkpoint ` +
        `"${run}/checkpoints/step-00000200": state.safetensors has the wrong length: ` +
        "wanted 188 bytes, got 9), restore one from a copy or give another --out to start from the beginning",
    };
    await assert.rejects(latestCheckpoint(run), fails);
    await assert.rejects(latestCheckpoint(run), fails);
    assert.deepEqual(await stepsIn(run), [100, 200]);
    for (const checkpoint of await listCheckpoints(run)) await setAside(checkpoint);
    await assert.rejects(latestCheckpoint(run), {
      kind: "data",
      message: /none of its checkpoints is valid, restore one/,
    });
  });
});

Deno.test("listCheckpoints() says that the folder cannot be read", async () => {
  await withRun(async (run) => {
    await Deno.mkdir(run);
    await Deno.writeTextFile(join(run, "checkpoints"), "");
    await assert.rejects(listCheckpoints(run), {
      kind: "missing",
      message: `Cannot read "${run}/checkpoints": it is no directory, move it away`,
    });
  });
});

Deno.test("listCheckpoints() knows a step by one name only", async () => {
  await withRun(async (run) => {
    await writeSteps(run, [100]);
    const names = ["step-000000100", "step-100", "step-00000100.bak", "step-99999999999999999999"];
    for (const name of names) await Deno.mkdir(join(run, "checkpoints", name));
    assert.deepEqual(await stepsIn(run), [100]);
  });
});

Deno.test("setAside() never replaces what was set aside before", async () => {
  await withRun(async (run) => {
    for (const name of ["damaged-step-00000100", "damaged-step-00000100-2"]) {
      await writeSteps(run, [100]);
      const [checkpoint] = await listCheckpoints(run);
      assert.equal(await setAside(checkpoint!), join(run, "checkpoints", name));
    }
  });
});

Deno.test("readCheckpoint() names a missing, extra or misshapen tensor", async () => {
  await withRun(async (run) => {
    await writeSteps(run, [100]);
    const latest = (await latestCheckpoint(run))!;
    const refusal = (shapes: Record<string, number[]>) =>
      readCheckpoint(latest, { shapes }).then(() => "", (error: Failure) => error.message);
    const start = `Cannot use the checkpoint "${latest.path}": `;
    assert.equal(await refusal({ w: [2, 2], b: [1] }), "");
    assert.equal(
      await refusal({ w: [2, 2], b: [1], c: [3] }),
      start + 'tensor "c" is missing',
    );
    assert.equal(
      await refusal({ w: [2, 2] }),
      start + 'tensor "b" does not belong to this model',
    );
    assert.equal(
      await refusal({ w: [4], b: [1] }),
      start + 'tensor "w" is float32 [2 2], wanted float32 [4]',
    );
  });
});
