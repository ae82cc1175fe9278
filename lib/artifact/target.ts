/** The path of an output, checked before the work. */
import { basename, dirname, join, resolve } from "node:path";
import { Failure } from "../failure.ts";
import { outputFailure, systemCode } from "../files/mod.ts";
import { type ArtifactKind, receiptPath } from "./receipt.ts";

/** Where an artefact is or will be. */
export interface Target {
  readonly kind: ArtifactKind;
  /** As the user gave it, for messages. */
  readonly shown: string;
  /** Absolute, with links resolved; only a file may be a link itself. */
  readonly path: string;
  readonly name: string;
  /** The directory that the paths of own files start at. */
  readonly root: string;
  readonly receipt: string;
  readonly isThere: boolean;
}

/** `undefined` when there is nothing. */
export async function entryAt(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function refuse(shown: string, what: string): never {
  throw new Failure("output", `Cannot write "${shown}": ${what}`);
}

/** A directory that is a link to a larger disk stays a link; one in the place of a file is replaced itself. */
async function resolveLinks(path: string, isDirectory: boolean): Promise<string> {
  if (isDirectory) return await Deno.realPath(path);
  const parent = dirname(path);
  return join(await Deno.realPath(parent).catch(() => parent), basename(path));
}

/** Fails unless what exists is of the kind that will be written. */
async function expectKind(shown: string, path: string, kind: ArtifactKind): Promise<void> {
  const { isFile, isDirectory } = await Deno.stat(path).catch((error) => {
    if (systemCode(error) !== "ENOENT") throw error;
    return refuse(shown, "it is a link to nothing, remove it or give another --out");
  });
  if (kind === "directory" && !isDirectory) {
    refuse(shown, "it is a file, and this command makes a directory, give another --out");
  }
  if (kind === "file" && isDirectory) {
    refuse(shown, "it is a directory, and this command makes a file, give a file name as --out");
  }
  if (kind === "file" && !isFile) refuse(shown, "it is no ordinary file, give another --out");
}

/** The receipt of a file is beside it, where the user may have another file. */
async function expectReceiptOrNothing(shown: string, receipt: string): Promise<void> {
  let info: Deno.FileInfo | undefined;
  try {
    info = await entryAt(receipt);
  } catch (error) {
    throw outputFailure(receipt, error); // Its name may be too long where that of the file is not.
  }
  if (info === undefined || info.isFile) return;
  const what = info.isSymlink ? "a link" : info.isDirectory ? "a directory" : "no ordinary file";
  refuse(shown, `its receipt "${receipt}" is ${what}, remove it or give another --out`);
}

/**
 * Checks the path of an output without changing anything.
 *
 * @throws {Failure} `output`: a directory where a file is meant or the reverse, a link to nothing, a name that is too
 * long, a path that cannot be
 */
export async function findTarget(shown: string, kind: ArtifactKind): Promise<Target> {
  const given = resolve(shown);
  try {
    const info = await entryAt(given);
    if (info !== undefined) await expectKind(shown, given, kind);
    const path = await resolveLinks(given, kind === "directory" && info !== undefined);
    const receipt = receiptPath(path, kind);
    if (kind === "file") await expectReceiptOrNothing(shown, receipt);
    return {
      kind,
      shown,
      path,
      name: basename(path),
      root: kind === "directory" ? path : dirname(path),
      receipt,
      isThere: info !== undefined,
    };
  } catch (error) {
    throw outputFailure(shown, error);
  }
}
