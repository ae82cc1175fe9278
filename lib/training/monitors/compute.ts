/** Computes the monitors of the table, each where its row says. */
import type * as tf from "@tensorflow/tfjs";
import type { TensorRecord } from "../../tensor.ts";
import { MONITOR_ROWS, type MonitorName, type MonitorsBy } from "../monitors.ts";
import type { RowBy, Source, Sources } from "./row.ts";

/** The programs that compute monitors. */
type ProgramSource = "gradients" | "regularizer" | "update";

function rowsBy<B extends Source>(by: B): readonly (readonly [MonitorName, RowBy<B>])[] {
  return MONITOR_ROWS.filter(([, row]) => row.by === by) as unknown as [MonitorName, RowBy<B>][];
}

/** The monitors that a program computes, as results of it. */
export function monitorResults<B extends ProgramSource>(
  by: B,
  source: Sources[B],
): Record<string, tf.Tensor> {
  const results: Record<string, tf.Tensor> = {};
  for (const [name, row] of rowsBy<B>(by)) {
    const scalar = row.of(source);
    if (scalar !== undefined) results[name] = scalar;
  }
  return results;
}

/** The values of the monitors among a program's results. */
export function monitorsOf<B extends ProgramSource>(
  by: B,
  results: TensorRecord,
): MonitorsBy[B] {
  const there = rowsBy(by).filter(([name]) => name in results);
  return Object.fromEntries(
    there.map(([name]) => [name, Number(results[name]!.data[0])]),
  ) as MonitorsBy[B];
}

/** The means of the monitors of equal parts of a batch. */
export function meansOf(
  parts: readonly MonitorsBy["gradients"][],
): MonitorsBy["gradients"] {
  const means = rowsBy("gradients").map(([name]) => {
    const values = parts.map((part) => part[name as keyof typeof part]);
    return [name, values.reduce((mean, value) => mean + value / parts.length, 0)];
  });
  return Object.fromEntries(means);
}

/** The monitors of the targets that are due in a step. @param read the pooled targets, only read if there are some */
export async function measureTargets(
  step: number,
  read: () => Promise<Sources["trainer"]>,
): Promise<MonitorsBy["trainer"]> {
  const due = rowsBy("trainer").filter(([, { every }]) => step % every === 0);
  if (due.length === 0) return {};
  const source = await read();
  return Object.fromEntries(due.map(([name, row]) => [name, row.of(source)]));
}

/** The monitors that the loop computes. */
export function monitorsOfLoop(source: Sources["loop"]): MonitorsBy["loop"] {
  const rows = rowsBy("loop");
  return Object.fromEntries(
    rows.map(([name, row]) => [name, row.of(source)]),
  ) as MonitorsBy["loop"];
}
