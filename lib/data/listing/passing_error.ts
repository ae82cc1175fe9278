/** Transient errors of the system: no reason to leave an image out. */
import { Failure } from "../../failure.ts";
import { systemCode, systemReason } from "../../files/mod.ts";

/** Codes about this machine or this moment, not about the file. */
const PASSING = ["EMFILE", "ENFILE", "ENOMEM", "EREMOTEIO", "ESTALE", "ETIMEDOUT"];

/**
 * Fails on a transient error, which would leave out a good image.
 *
 * @param error why a file cannot be read
 * @throws {Failure} `missing`: the error is transient, the command can be run again
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
