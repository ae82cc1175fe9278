/** The text of a step. */
import type { PretrainConfig } from "../config/settings.ts";
import { MONITOR_ROWS, type Monitors } from "./monitors.ts";

/** `loss 0.1234`, and what else is known of the monitors that the progress line shows. */
export function describeStep(values: Partial<Monitors>, config: PretrainConfig): string {
  return MONITOR_ROWS.flatMap(([name, { progress }]) => {
    const value = values[name];
    return progress === undefined || value === undefined ? [] : [progress(value, config)];
  }).join(", ");
}
