/** Which files are mutated, who reads them, and what may follow. */
import { ROOT } from "../tests/run_stage.ts";
import { CHAIN, FORMATS, type Work } from "./chain.ts";

/** Files of one kind and a command that reads them. */
export interface Target {
  readonly name: string;
  /** What is copied from the base into the folder of the case, for the mutation to happen there. */
  readonly copies: readonly string[];
  /** The files of those that are mutated. */
  readonly files: readonly string[];
  readonly work: Work;
  /** Removed before the command, so that there is something to do. */
  readonly removes?: readonly string[];
  /** What counts of the result; all of it by default. */
  readonly compared?: RegExp;
  /**
   * The file itself decides the content and nothing is recorded about it: a change that leaves it well-formed is another
   * input. Everything else has a hash somewhere, which its reader must compare.
   */
  readonly free?: true;
}

function work(stage: Work["stage"], out: string, flags: string): Work {
  return { stage, out, flags: flags.split(" ") };
}

const TINY = "--preset smoke --set data.imageSize=16 --set model.patchSize=4 --set model.width=8 " +
  "--set model.depth=1 --set model.predictorWidth=4 --set model.predictorHeads=1";
const TORCH = `${ROOT}tests/fixtures/torch`;
const WEIGHTS = /\/checkpoints\/[^/]+\/state\.safetensors$/;
const OLDER = "run/checkpoints/step-00000006", NEWEST = "run/checkpoints/step-00000008";

const images = work("shard", "shards", "--images images --max-bad-fraction 1");
const pixels = work("features", "out.arrow", "--encoder pixels:4 --shards shards");
const features = work("features", "out.arrow", "--encoder encoder --shards ../base/shards");
const exported = work("checkpoint", "out", "--run run");
const resumed = work(
  "pretrain",
  "run",
  "--shards ../base/shards --preset smoke --steps 8 --checkpoint-steps 2 --threads 1",
);
const probed = work("probe", "out", "--train train.arrow --test test.arrow");
const compared = work("compare", "out.md", "--probes one=probe --probes two=../base/probe");

/** A command of the chain that finds its own output, damaged. */
function again(out: string, ...files: readonly string[]): Target {
  return {
    name: `${out} of the same command`,
    copies: [out],
    files: files.map((file) => `${out}/${file}`),
    work: CHAIN.find((work) => work.out === out)!,
  };
}

function started(from: string, flags: string): Work {
  return work(
    "pretrain",
    "started",
    `--shards ../base/shards ${flags} --steps 1 --threads 1 --init-from ${from}`,
  );
}

function picture(format: string): Target {
  const files = [`images/images/format.${format}`];
  return { name: `${format} picture`, copies: ["images"], files, work: images, free: true };
}

const SHARDS = ["shards"], ENCODER = ["encoder"], RUN = ["run"];
const ARROWS = ["train.arrow", "train.arrow.receipt.json", "test.arrow", "test.arrow.receipt.json"];
/** Makes a finished run one that is to go on from step 6. */
const UNFINISHED = ["run/receipt.json", NEWEST];

export const TARGETS: readonly Target[] = [
  ...FORMATS.map(picture),
  {
    name: "labels.csv",
    copies: ["images"],
    files: ["images/labels.csv"],
    work: images,
    free: true,
  },
  { name: "manifest.json", copies: SHARDS, files: ["shards/manifest.json"], work: pixels },
  { name: "tar", copies: SHARDS, files: ["shards/train-000000.tar"], work: pixels },
  {
    name: "shards, training",
    copies: SHARDS,
    files: ["shards/manifest.json", "shards/train-000000.tar"],
    work: work(
      "pretrain",
      "trained",
      "--shards shards --preset smoke --steps 1 --threads 1",
    ),
    compared: WEIGHTS,
  },
  { name: "receipt.json of shards", copies: SHARDS, files: ["shards/receipt.json"], work: pixels },
  {
    name: "--config",
    copies: ["config.json"],
    files: ["config.json"],
    work: work("masks", "masks.html", "--config config.json --steps 2"),
    free: true,
  },
  {
    name: "config.json of a run, going on",
    copies: RUN,
    removes: UNFINISHED,
    files: ["run/config.json"],
    work: resumed,
    compared: WEIGHTS,
  },
  {
    name: "metrics.jsonl",
    copies: RUN,
    removes: UNFINISHED,
    files: ["run/metrics.jsonl"],
    work: resumed,
    compared: WEIGHTS,
  },
  {
    name: "checkpoint, going on",
    copies: RUN,
    removes: UNFINISHED,
    files: [`${OLDER}/state.json`, `${OLDER}/state.safetensors`],
    work: resumed,
    compared: WEIGHTS,
  },
  { name: "config.json of a run", copies: RUN, files: ["run/config.json"], work: exported },
  {
    name: "checkpoint",
    copies: RUN,
    files: [`${NEWEST}/state.json`, `${NEWEST}/state.safetensors`],
    work: exported,
  },
  {
    name: "config.json of an encoder",
    copies: ENCODER,
    files: ["encoder/config.json", "encoder/preprocessor_config.json"],
    work: features,
  },
  {
    name: "model.safetensors",
    copies: ENCODER,
    files: ["encoder/model.safetensors"],
    work: features,
  },
  {
    name: "receipt.json of an encoder",
    copies: ENCODER,
    files: ["encoder/receipt.json"],
    work: features,
  },
  {
    name: "arrow",
    copies: ARROWS,
    files: ["train.arrow", "test.arrow"],
    work: probed,
  },
  {
    name: "receipt.json of a run",
    copies: RUN,
    files: ["run/receipt.json"],
    work: exported,
  },
  {
    name: "receipt.json of features",
    copies: ARROWS,
    files: ["train.arrow.receipt.json"],
    work: probed,
  },
  {
    name: "probe",
    copies: ["probe"],
    files: ["probe/metrics.json", "probe/receipt.json"],
    work: compared,
  },
  {
    name: "--init-from safetensors",
    copies: ["encoder/model.safetensors"],
    files: ["model.safetensors"],
    work: started("model.safetensors", "--preset smoke"),
    compared: WEIGHTS,
    free: true,
  },
  {
    name: "--init-from an encoder",
    copies: ENCODER,
    files: ["encoder/config.json", "encoder/model.safetensors"],
    work: started("encoder", "--preset smoke"),
    compared: WEIGHTS,
  },
  {
    name: "--init-from a run",
    copies: RUN,
    files: ["run/config.json", `${NEWEST}/state.json`, `${NEWEST}/state.safetensors`],
    work: started("run", "--preset smoke"),
    compared: WEIGHTS,
  },
  {
    name: "--init-from torch, zip",
    copies: [`${TORCH}/official.pth.tar`],
    files: ["official.pth.tar"],
    work: started("official.pth.tar", TINY),
    compared: WEIGHTS,
  },
  {
    // The same weights in torch's format before 1.6, which has no checksums.
    name: "--init-from torch, legacy",
    copies: [`${TORCH}/official-legacy.pth.tar`],
    files: ["official-legacy.pth.tar"],
    work: started("official-legacy.pth.tar", TINY),
    compared: WEIGHTS,
    free: true,
  },
  again("shards", "receipt.json", "manifest.json", "train-000000.tar", "quarantine.jsonl"),
  again("encoder", "receipt.json", "config.json", "model.safetensors", "README.md"),
  again("probe", "receipt.json", "metrics.json", "weights.safetensors"),
];
