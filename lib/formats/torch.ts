/**
 * Files that `torch.save` writes: a pickle that builds tensors from storages, and the storages, in a zip archive or,
 * before version 1.6, one after the other. A pickle is a program; an interpreter for containers, numbers, text and
 * tensors reads it as data. Other objects become placeholders with their names, and nothing is ever executed.
 *
 * @module
 */
import { Failure } from "../failure.ts";
import { openInput, readFully } from "../files/mod.ts";
import type { TensorRecord } from "../tensor.ts";
import { readArchive } from "./torch/archive.ts";
import { PickleError } from "./torch/cursor.ts";
import { isLegacy, LEGACY_START_BYTES, readLegacy } from "./torch/legacy.ts";
import { ZipError } from "./torch/zip.ts";

const ZIP_START = 0x04034b50;

async function kindOf(file: Deno.FsFile): Promise<"archive" | "legacy" | "other"> {
  const start = new Uint8Array(LEGACY_START_BYTES);
  await readFully(file, start, 0);
  if (isLegacy(start)) return "legacy";
  return new DataView(start.buffer).getUint32(0, true) === ZIP_START ? "archive" : "other";
}

/** Whether a file starts like one of torch, of any version. @throws {Failure} `missing` */
export async function isTorchFile(path: string): Promise<boolean> {
  using file = await openInput(path);
  return await kindOf(file) !== "other";
}

/**
 * Reads tensors that `torch.save` has written. Nested dictionaries give dotted names, as `encoder.module.norm.weight`;
 * other values in them are left out. Tensors that `wanted` rejects are not loaded. Tensors that share a storage share
 * memory.
 *
 * @throws {Failure} `missing`: it does not exist; `data`: it is damaged, or holds no tensors in dictionaries
 */
export async function readTorch(
  path: string,
  { wanted = () => true }: { readonly wanted?: (name: string) => boolean } = {},
): Promise<TensorRecord> {
  using file = await openInput(path);
  try {
    const legacy = await kindOf(file) === "legacy";
    return legacy ? await readLegacy(file, wanted) : await readArchive(file, wanted);
  } catch (error) {
    if (error instanceof PickleError) {
      throw new Failure(
        "data",
        `Cannot read "${path}": ${error.message}; only tensors in plain containers are read and nothing is ` +
          "executed, save the weights alone, as torch.save(model.state_dict(), path) does",
      );
    }
    if (!(error instanceof ZipError)) throw error;
    throw new Failure(
      "data",
      `Cannot read "${path}": ${error.message}, take another copy or save it again with torch.save`,
    );
  }
}
