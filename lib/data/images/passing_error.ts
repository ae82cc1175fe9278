/** Transient errors of the system: no reason to leave an image out. */
import { Failure } from "../../failure.ts";
import { systemCode, systemReason } from "../../files/mod.ts";

/** Codes that say something of this machine or this moment, and nothing of the file. */
const PASSING = ["EMFILE", "ENFILE", "ENOMEM", "EREMOTEIO", "ESTALE", "ETIMEDOUT"];

/**
 * Fails where a good image would be left out, because just now it cannot be read.
 *
 * @param error why a file cannot be read
 * @throws {Failure} `missing`: the reason will have passed when the command is run again
 */
export function expectLasting(path: string, error: unknown): void {
  const code = systemCode(error);
  if (!PASSING.includes(code ?? "")) return;
  const first = code === "EMFILE" ? "raise the limit and " : "";
  throw new Failure(
    "missing",
    `Cannot read images: "${path}" is not readable (${
      systemReason(path, error)
    }), ${first}run the ` +
      "command again",
    { cause: error },
  );
}
