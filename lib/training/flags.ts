import { PRESET_NAMES } from "./presets.ts";

/** Command-line flags of every stage that takes the configuration of a run. */
export const CONFIG_FLAGS = {
  preset: {
    type: "string",
    placeholder: "NAME",
    default: "vits16",
    choices: PRESET_NAMES,
    help: "named configuration to start from",
  },
  config: { type: "string", path: true, placeholder: "FILE", help: "JSON file with what differs" },
  set: {
    type: "list",
    placeholder: "group.key=value",
    help: "one value, for example model.depth=6 or masks.strategy=block",
  },
  batch: { type: "integer", placeholder: "N", min: 1, help: "images per step" },
  seed: { type: "integer", placeholder: "N", min: 0, max: 0xffffffff, help: "decides all chance" },
} as const;
