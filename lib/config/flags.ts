/** The command-line flags that set configuration values. */
import { MOST } from "./limits.ts";
import { DEFAULT_PRESET, PRESET_NAMES } from "./presets.ts";

/** Command-line flags of every stage that takes the configuration of a run. */
export const CONFIG_FLAGS = {
  preset: {
    type: "string",
    placeholder: "NAME",
    choices: PRESET_NAMES,
    help: `named configuration to start from, ${DEFAULT_PRESET} where none is named`,
  },
  config: { type: "string", path: true, placeholder: "FILE", help: "JSON file with what differs" },
  set: {
    type: "list",
    placeholder: "group.key=value",
    help: "one value, for example model.depth=6 or masks.strategy=block",
  },
  batch: { type: "integer", placeholder: "N", min: 1, max: MOST.batch, help: "images per step" },
  seed: { type: "integer", placeholder: "N", min: 0, max: MOST.seed, help: "decides all chance" },
} as const;

/** Flags of the training stage: length, accumulation and checkpoints. */
export const LENGTH_FLAGS = {
  accumulate: {
    type: "integer",
    placeholder: "N",
    min: 1,
    max: MOST.batch,
    help: "parts that a batch is worked through in: the same update in less memory",
  },
  steps: {
    type: "integer",
    placeholder: "N",
    min: 1,
    max: MOST.steps,
    help: "length of the run in steps",
  },
  epochs: {
    type: "number",
    placeholder: "N",
    min: 0,
    max: MOST.epochs,
    help: "length of the run in epochs",
  },
  checkpointSteps: {
    type: "integer",
    placeholder: "N",
    min: 1,
    max: MOST.steps,
    help: "steps between checkpoints",
  },
  stopOnCollapse: {
    type: "boolean",
    help:
      "end with exit code 3 when the targets have collapsed for a tenth of the run (50 to 1000 steps)",
  },
} as const;
