/** The failure of all mask checks, and the token limit of a context. */
import { Failure } from "../../failure.ts";
import { tokensIn } from "./sizes.ts";
import type { Grid, MaskConfig } from "./types.ts";

/** @throws {Failure} `usage` */
export function refuse(text: string): never {
  throw new Failure("usage", `Cannot place the masks: ${text}`);
}

/** Tokens of a context of `multiblock`; partitions may have fewer, and the `reference` sampler has its own rule. */
export function contextLimit(config: MaskConfig, grid: Grid): number {
  return config.sampler === "reference"
    ? grid[0] * grid[1]
    : tokensIn(config.contextKeepFraction, grid);
}

/** Refuses a limit that leaves no context. */
export function checkContextLimit(config: MaskConfig, grid: Grid): void {
  const limit = contextLimit(config, grid);
  if (limit > config.minKeep) return;
  refuse(
    `masks.contextKeepFraction ${config.contextKeepFraction} keeps ${limit} of ` +
      `${grid[0] * grid[1]} tokens, but masks.minKeep wants more than ${config.minKeep}, ` +
      "raise masks.contextKeepFraction or lower masks.minKeep",
  );
}
