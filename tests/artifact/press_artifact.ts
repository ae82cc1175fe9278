/** A process that makes one artefact: `press_artifact.ts file|directory OUT [TEXT [force]]`. */
import { join } from "node:path";
import { makeArtifact, type Outcome } from "../../lib/artifact/mod.ts";
import { Failure } from "../../lib/failure.ts";

/** What starts this program; Deno is kept from looking after `node_modules`, which would make system calls too. */
export const PRESS = [
  ...[Deno.execPath(), "run", "--no-prompt", "--node-modules-dir=manual"],
  ...["--allow-read", "--allow-write", import.meta.filename!],
];

/** Makes a file, or a directory with two, which hold the text; older ones have a third, which goes then. */
export async function pressArtifact(
  kind: "file" | "directory",
  path: string,
  { text, force }: { readonly text: string; readonly force: boolean },
): Promise<Outcome> {
  const spec = { stage: "press", version: "1", path, config: { text }, inputs: [], force };
  if (kind === "file") {
    return await makeArtifact({ ...spec, kind }, async (file) => {
      await Deno.writeTextFile(file, text);
      return {};
    });
  }
  return await makeArtifact({ ...spec, kind }, async (directory) => {
    await Deno.mkdir(join(directory, "pages"));
    const names = text === "old" ? ["a", "pages/b", "pages/c"] : ["a", "pages/b"];
    for (const name of names) await Deno.writeTextFile(join(directory, name), text);
    return {};
  });
}

if (import.meta.main) {
  const [kind, path, text = "text", force] = Deno.args;
  try {
    const options = { text, force: force !== undefined };
    console.log((await pressArtifact(kind as "file" | "directory", path!, options)).status);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.log(error.message);
    Deno.exitCode = 73;
  }
}
