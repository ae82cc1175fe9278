/** Loads libraries of C source from the cache, or compiles them: in the first usable cache directory. */

import { sha256 } from "../../files/hash.ts";
import { OpenPlace, type Place, placesOfLibraries, refusal } from "./cache.ts";
import {
  cannotCompile,
  CompilationError,
  compileLibrary,
  type Compiler,
  type SourceFiles,
} from "./compiler.ts";
import { Failure } from "../../failure.ts";

/**
 * Loads the library that C files make.
 *
 * @throws {Failure} `unavailable` when the compiler fails, or no directory allows loading its libraries
 */
export async function buildLibrary<const S extends Deno.ForeignLibraryInterface>(
  compiler: Compiler,
  files: SourceFiles,
  { symbols, places = placesOfLibraries() }: {
    readonly symbols: S;
    readonly places?: readonly Place[];
  },
): Promise<Deno.DynamicLibrary<S>> {
  const texts = [...files].map(([name, text]) => `${name}\n${text}`);
  const key = sha256([compiler.identity, ...texts].join("\n")).slice(0, 32);
  const refusals: string[] = [];
  let words: string | undefined;
  for (const place of places) {
    try {
      await using open = await OpenPlace.open(place);
      const path = await open.find(key) ??
        await open.store(key, (folder) => compileLibrary(compiler, files, folder));
      return Deno.dlopen(path, symbols);
    } catch (error) {
      if (error instanceof Failure) throw error;
      // The disk may be full: the next directory may be on another.
      if (error instanceof CompilationError) words ??= error.message;
      else refusals.push(refusal(place, error));
    }
  }
  if (words !== undefined) {
    throw cannotCompile(`"${compiler.command}" failed`, `use --runtime onnx; it says:\n${words}`);
  }
  throw cannotCompile(`no place for its libraries (${refusals.join("; ")})`);
}
