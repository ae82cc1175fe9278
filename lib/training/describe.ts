/** The text of a step. */
import type { PretrainConfig } from "../config/settings.ts";
import type { StepSigns } from "./alarms.ts";

/** `loss 0.1234`, and if known the regularizer's term, the norm of the gradient, the rank of the targets. */
export function describeStep(
  { loss, regularizer, gradientNorm, targetRank }:
    & Pick<StepSigns, "loss" | "regularizer" | "gradientNorm">
    & { readonly targetRank: number | undefined },
  { objective }: PretrainConfig,
): string {
  const parts = [`loss ${loss.toFixed(4)}`];
  if (regularizer !== undefined) {
    parts.push(`${objective.regularizer} ${regularizer.toPrecision(3)}`);
  }
  if (gradientNorm !== undefined) parts.push(`gradient ${gradientNorm.toPrecision(3)}`);
  if (targetRank !== undefined) parts.push(`rank ${targetRank.toPrecision(3)}`);
  return parts.join(", ");
}
