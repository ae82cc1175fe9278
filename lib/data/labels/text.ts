/** Reads the text of a table of labels, UTF-8 only. */
import { Failure, messageOf } from "../../failure.ts";
import { systemCode, systemReason } from "../../files/mod.ts";
import { standInReason } from "../../files/mod.ts";

/** 4 million rows of 50 characters; larger tables do not fit in memory beside the lists of images. */
const LARGEST_BYTES = 200e6;

function decode(bytes: Uint8Array): string {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) ||
    (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) throw new TypeError("UTF-16 text, save it as UTF-8");
  const reason = standInReason(bytes);
  if (reason !== undefined) throw new TypeError(reason);
  if (bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4) {
    throw new TypeError("a workbook or an archive (zip), save the table as CSV in UTF-8");
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    throw new TypeError("not UTF-8 text, save it as UTF-8");
  }
  throw new TypeError("no text (it holds zero bytes), save it as CSV in UTF-8");
}

/**
 * Reads the text of a table.
 *
 * @throws {Failure} `missing`: there is none; `data`: not readable, too large, not UTF-8
 */
export async function readTableText(path: string): Promise<string> {
  const refuse = (what: string, cause?: unknown): never => {
    throw new Failure("data", `Cannot read the labels "${path}": ${what}`, { cause });
  };
  let bytes: Uint8Array;
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) refuse("not a regular file, give a CSV file");
    if (size > LARGEST_BYTES) refuse(`${size} bytes, wanted at most ${LARGEST_BYTES}`);
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (systemCode(error) === "ENOENT") {
      throw new Failure(
        "missing",
        `Cannot read the labels "${path}": the file does not exist, give another --labels`,
        { cause: error },
      );
    }
    return refuse(`not readable: ${systemReason(path, error) ?? messageOf(error)}`, error);
  }
  try {
    return decode(bytes);
  } catch (error) {
    return refuse(messageOf(error), error);
  }
}
