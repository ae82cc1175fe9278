/** Describes errors of the operating system in a few words. */
import { Failure, messageOf } from "../failure.ts";

/**
 * The meaning of an error code, as the part of a sentence after "because". One line for each code of file operations.
 */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EBUSY: "it is in use or a mount point",
  EDQUOT: "the quota is used up",
  EEXIST: "something else is in its place",
  EFBIG: "the file would be larger than the system allows",
  EFTYPE: "it is a pipe or a device, wanted a file",
  EINVAL: "the file system refuses it",
  EIO: "the disk reports an error (EIO)",
  EISDIR: "it is a directory",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open (see ulimit -n)",
  ENAMETOOLONG: "its name is too long for the file system",
  ENFILE: "too many files are open on this machine",
  ENODEV: "its device is gone",
  ENOENT: "it does not exist",
  ENOLCK: "the file system has no locks",
  ENOMEM: "the system has no memory left",
  ENOSPC: "the disk is full",
  ENOSYS: "the file system cannot do it",
  ENOTDIR: "a part of the path is a file, not a directory",
  ENOTEMPTY: "the directory is not empty",
  ENOTSUP: "the file system cannot do it",
  ENXIO: "its device is gone",
  EPERM: "the system does not permit it",
  EREMOTEIO: "the network file system reports an error (EREMOTEIO)",
  EROFS: "the file system is read-only",
  ESTALE: "the network file system has lost it (ESTALE)",
  ETIMEDOUT: "the network file system does not answer (ETIMEDOUT)",
  ETXTBSY: "it is a program that is running",
  EXDEV: "it lies on another file system",
};

/** Numbers of error codes that Deno does not name, on Linux and macOS. */
const NUMBERS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  linux: {
    6: "ENXIO",
    12: "ENOMEM",
    19: "ENODEV",
    23: "ENFILE",
    24: "EMFILE",
    27: "EFBIG",
    37: "ENOLCK",
    38: "ENOSYS",
    40: "ELOOP",
    75: "EOVERFLOW",
    110: "ETIMEDOUT",
    116: "ESTALE",
    121: "EREMOTEIO",
    122: "EDQUOT",
  },
  darwin: {
    6: "ENXIO",
    12: "ENOMEM",
    19: "ENODEV",
    23: "ENFILE",
    24: "EMFILE",
    27: "EFBIG",
    62: "ELOOP",
    69: "EDQUOT",
    70: "ESTALE",
    77: "ENOLCK",
    78: "ENOSYS",
  },
};

/** Folders that Deno opens with all permissions only. */
const GUARDED = /^\/(dev|proc|sys)(\/|$)/;

/** The number that Deno appends to the system's text. */
function numberOf(error: unknown): string | undefined {
  const [, number] = /\(os error (\d+)\)/.exec(messageOf(error)) ?? [];
  if (number === undefined) return undefined;
  return NUMBERS[Deno.build.os]?.[Number(number)] ?? `error ${number}`;
}

/** The system's code of an error, for example `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  if (error instanceof Deno.errors.AlreadyExists) return "EEXIST";
  if (error instanceof Deno.errors.NotADirectory) return "ENOTDIR";
  if (error instanceof Deno.errors.IsADirectory) return "EISDIR";
  if (error instanceof Deno.errors.FilesystemLoop) return "ELOOP";
  return error instanceof Error ? numberOf(error) : undefined;
}

/**
 * Why an operation on a path failed, as the part of a sentence after "because", with what to do if the code determines
 * it; `undefined` for any other error.
 */
export function systemReason(path: string, error: unknown): string | undefined {
  if (error instanceof Deno.errors.NotCapable) {
    return GUARDED.test(path)
      ? "Deno opens /dev, /proc and /sys with all permissions only, use /tmp, or run the stage with deno run -A"
      : "the process has no permission of Deno for it, use deno task";
  }
  const code = systemCode(error);
  if (code === undefined) return undefined;
  return REASONS[code] ?? `the system says ${code}`;
}

/** Codes of writing only. */
const OF_WRITING = ["EDQUOT", "EFBIG", "ENOSPC", "EROFS"];

/** The path that a system error is about: Deno appends it to the text, Node has a property. */
function pathOf(error: unknown): string | undefined {
  const [, named] = /: \w+ '(.*?)'(?: -> '.*')?$/s.exec(messageOf(error)) ?? [];
  const { path } = (error ?? {}) as { path?: unknown };
  return named ?? (typeof path === "string" ? path : undefined);
}

/**
 * A generic message for a system error that was not handled elsewhere; `undefined` for any other error.
 *
 * @returns of kind `output` for codes of writing only, else `missing`
 */
export function systemFailure(error: unknown): Failure | undefined {
  const path = pathOf(error), reason = systemReason(path ?? "", error);
  if (reason === undefined) return undefined;
  const kind = OF_WRITING.includes(systemCode(error) ?? "") ? "output" : "missing";
  const what = path === undefined ? "a file" : `"${path}"`;
  return new Failure(kind, `Cannot go on: ${what} cannot be used: ${reason}`, { cause: error });
}
