/** Suggests a preset for the size and number of images. */
import { isStated, type ResolvedConfig } from "./resolve.ts";
import { DEFAULT_PRESET, type Preset, presetOf, PRESETS } from "./presets.ts";
import { DEFAULTS, imageSizeOf } from "./settings.ts";

/** The images of a run that names no preset. */
export interface ImagesSeen {
  /** Median of their shorter sides. */
  readonly pixels: number;
  /** Their number. */
  readonly images: number;
}

/** Shorter side of a preset's input, pixels. */
function sideOf({ values }: Preset): number {
  return Math.min(...imageSizeOf({ ...DEFAULTS.data, ...values.data }));
}

/**
 * The preset that fits images: of those whose `fromImages` is reached, the nearest in size (by ratio), and of several
 * of one size that with the largest `fromImages`.
 */
export function proposePreset({ pixels, images }: ImagesSeen, presets = PRESETS): string {
  const candidates = Object.entries(presets).flatMap(([name, preset]) => {
    const { fromImages = Infinity } = preset;
    const distance = Math.abs(Math.log(pixels / sideOf(preset)));
    return fromImages <= images ? [{ name, fromImages, distance }] : [];
  });
  candidates.sort((a, b) => a.distance - b.distance || b.fromImages - a.fromImages);
  return candidates[0]?.name ?? DEFAULT_PRESET;
}

/** `vits16 (224 px, 384 wide)` */
function describePreset(name: string): string {
  const preset = presetOf(name), { width = DEFAULTS.model.width } = preset.values.model ?? {};
  return `${name} (${sideOf(preset)} px, ${width} wide)`;
}

/** A message when no preset was named: which one this run has, and which fits the images. */
export function describeProposal(seen: ImagesSeen): string {
  const fit = proposePreset(seen);
  const here = `the ${seen.images} images have about ${seen.pixels} px`;
  const text = `no --preset, so this is ${describePreset(DEFAULT_PRESET)}; ${here}, which `;
  return text + (fit === DEFAULT_PRESET ? "it fits" : `--preset ${describePreset(fit)} fits`);
}

/** Whether the network or the size of its input was stated, value by value. */
export function isModelStated({ origins }: ResolvedConfig): boolean {
  return Object.entries(origins).some(([name, origin]) =>
    (name.startsWith("model.") || name === "data.imageSize") && isStated(origin)
  );
}
