/**
 * Files that `torch.save` writes: a pickle that says how storages make tensors, and the storages, in a zip archive or,
 * before version 1.6, one after the other. A pickle is a program; here it is read as data by a machine that knows
 * containers, numbers, text and tensors. Any other object is passed over by name, and nothing is ever executed.
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

/** Whether a file starts as those do that torch has written, now or formerly. @throws {Failure} `missing` */
export async function isTorchFile(path: string): Promise<boolean> {
  using file = await openInput(path);
  return await kindOf(file) !== "other";
}

/**
 * Reads tensors that `torch.save` has written. Nested dictionaries give dotted names, as `encoder.module.norm.weight`;
 * whatever is no tensor in them is left out. Tensors that `wanted` turns down are not loaded. Tensors that share a
 * storage share memory.
 *
 * @throws {Failure} `missing`: it is not there; `data`: it is damaged, or holds no tensors in dictionaries
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
