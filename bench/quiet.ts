/** Whether other programs take part of the machine: with them, a measurement says little. */

/** More cores than this taken by others is a disturbance; a system's own processes take a few hundredths. */
export const MOST_OTHER_CORES = 0.25;

/** Counts of processor time. */
interface Ticks {
  readonly busy: number;
  readonly total: number;
}

/** Reads the first line of `/proc/stat`: user, nice, system, idle, iowait and then what interrupts and hosts take. */
export function parseTicks(line: string): Ticks {
  const counts = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return { busy: total - counts[3]! - counts[4]!, total };
}

async function ticks(): Promise<Ticks> {
  const { stdout } = await new Deno.Command("head", { args: ["-n", "1", "/proc/stat"] }).output();
  return parseTicks(new TextDecoder().decode(stdout));
}

/**
 * Cores that are busy now, which is what others take as long as nothing is being measured.
 *
 * @returns `null` where the system does not report it
 */
export async function otherCores(): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  const sampleSeconds = 1;
  const before = await ticks();
  await new Promise((done) => setTimeout(done, 1000 * sampleSeconds));
  const after = await ticks();
  const share = (after.busy - before.busy) / (after.total - before.total);
  return share * navigator.hardwareConcurrency;
}

export function isQuiet(cores: number | null): boolean {
  return cores === null || cores <= MOST_OTHER_CORES;
}

/** Waits until others leave the machine alone, or until patience ends. @param patienceSeconds 0 to go on at once */
export async function waitForQuiet(
  patienceSeconds: number,
  say: (text: string) => void,
): Promise<void> {
  const end = Date.now() + 1000 * patienceSeconds;
  let said = false;
  while (Date.now() < end) {
    const cores = await otherCores();
    if (isQuiet(cores)) return;
    if (!said) say(`waiting: other programs take ${cores!.toFixed(1)} cores`);
    said = true;
  }
}
