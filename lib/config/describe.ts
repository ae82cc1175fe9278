/** The text of a run's plan. */
import { gridOf } from "../model/config.ts";
import { maskTokenBounds } from "../model/masks.ts";
import { sizeOf } from "../tensor.ts";
import { trainedShapes } from "../model/parameters.ts";
import { isStated, type ResolvedConfig } from "./resolve.ts";
import {
  imageSizeOf,
  modelConfigOf,
  planNotices,
  type PretrainConfig,
  type RunPlan,
} from "./settings.ts";

/** `31.6 k`, `22.1 M`: values under names with a prefix. */
function countOf(shapes: Readonly<Record<string, readonly number[]>>, prefix: string): string {
  const total = Object.entries(shapes)
    .filter(([name]) => name.startsWith(prefix))
    .reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  return total < 1e6 ? `${(total / 1e3).toPrecision(3)} k` : `${(total / 1e6).toPrecision(3)} M`;
}

function range([least, most]: readonly [number, number]): string {
  return least === most ? String(least) : `${least} to ${most}`;
}

/** Values set by neither a default nor the preset, as `group.key=value (origin)`. */
function statedValues({ config, origins }: ResolvedConfig): string[] {
  return Object.entries(origins)
    .filter(([, origin]) => isStated(origin))
    .map(([name, origin]) => {
      const [group, key] = name.split(".") as [keyof PretrainConfig, string];
      const value = (config[group] as unknown as Record<string, unknown>)[key];
      return `${name}=${JSON.stringify(value)} (${origin})`;
    });
}

function perStep({ batch, accumulate }: PretrainConfig["run"]): string {
  const parts = accumulate > 1 ? ` in ${accumulate} parts of ${batch / accumulate}` : "";
  return `${batch} per step${parts}`;
}

/** The plan of a run in lines of text: lengths, geometry, sizes, settings, oddities. */
export function describePlan(
  resolved: ResolvedConfig,
  { plan, images }: { readonly plan: RunPlan; readonly images: number },
): string[] {
  const { config } = resolved;
  const model = modelConfigOf(config);
  const { encoder, predictor } = model;
  const grid = gridOf(encoder);
  const shapes = trainedShapes(model);
  const blocks = config.masks.targetBlocks;
  const tokens = maskTokenBounds(config.masks, grid);
  const epochs = (plan.steps / plan.stepsPerEpoch).toPrecision(3);
  const stated = statedValues(resolved);
  return [
    `${images} images, ${perStep(config.run)}, ${plan.steps} steps (${epochs} epochs)`,
    `images of ${imageSizeOf(config.data).join("x")} px in ${grid.join("x")} patches; ` +
    `context ${range(tokens.contextTokens)} tokens, ${blocks} ${
      blocks === 1 ? "target" : "targets"
    } of ` +
    range(tokens.targetTokens),
    `encoder ${encoder.width} wide, ${encoder.depth} deep, ` +
    (encoder.registers === undefined ? "" : `${encoder.registers} registers, `) +
    `${
      countOf(shapes, "encoder.")
    } parameters; predictor ${predictor.width} wide, ${predictor.depth} deep, ` +
    countOf(shapes, "predictor."),
    ...stated.length > 0 ? [stated.join(", ")] : [],
    ...planNotices(plan),
  ];
}
