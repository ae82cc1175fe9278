/** What a process and its children did, from the logs of `strace -ff -y`: a file per thread, a line per call. */
import { join } from "node:path";

/** One call, as `name(arguments) = result`. */
export interface SystemCall {
  readonly name: string;
  /** As strace writes them. */
  readonly arguments: string;
  /** Negative where it failed, nothing where the process ended in it. */
  readonly result: number | undefined;
  /** Path of the file behind a result that is a descriptor, links followed. */
  readonly opened: string | undefined;
}

/** A file that was opened, or a path that was made, changed or removed. */
export interface Access {
  readonly path: string;
  readonly writes: boolean;
  /** The line that says so. */
  readonly call: SystemCall;
}

/** The calls that reach outside a process: the network, files and other programs. `?` for those of one processor only. */
export const WATCHED = [
  "%net",
  ...["open", "creat", "rename", "unlink", "mkdir", "rmdir", "link", "symlink", "chmod", "chown"]
    .map((name) => `?${name}`),
  ...["openat", "openat2", "renameat", "renameat2", "unlinkat", "mkdirat", "linkat", "symlinkat"]
    .map((name) => `?${name}`),
  ...["fchmodat", "fchownat", "truncate", "mknod", "mknodat", "execve", "execveat"]
    .map((name) => `?${name}`),
  "?io_uring_setup", // What goes through such a ring is no call, and would not be seen.
].join(",");

const CALL = /^(\w+)\((.*)\)\s+= (-?\d+|\?)(?:<(.*?)(?: \(deleted\))?>)?(?: .*)?$/;

/** The calls of one log; signals and ends of processes are no calls. */
export function parseCalls(text: string): SystemCall[] {
  return text.split("\n").flatMap((line) => {
    const [, name, args, result, opened] = CALL.exec(line) ?? [];
    if (name === undefined) return [];
    return [{
      name,
      arguments: args!,
      result: result === "?" ? undefined : Number(result),
      opened,
    }];
  });
}

/** All calls of all threads and children. @param prefix what `strace -ff -o` was given */
export async function readCalls(folder: string): Promise<SystemCall[]> {
  const calls: SystemCall[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    calls.push(...parseCalls(await Deno.readTextFile(join(folder, name))));
  }
  return calls;
}

/** Sockets that lead out of the process; a pair of them is a pipe between its own threads. */
export function socketsOf(calls: readonly SystemCall[]): SystemCall[] {
  return calls.filter(({ name, arguments: args }) =>
    /^(socket|connect|bind|listen|accept4?|io_uring_setup)$/.test(name) ||
    (/^send(to|msg|mmsg)$/.test(name) && /sa_family|msg_name=\{/.test(args))
  );
}

/** The paths in a call, each seen from the descriptor or folder before it. */
function pathsOf({ arguments: args }: SystemCall, folder: string): string[] {
  return [...args.matchAll(/(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"/g)]
    .map(([, base, path]) => join("/", path!.startsWith("/") ? "" : base ?? folder, path!));
}

/** Files that were opened, and paths that were written to; what failed is left out. @param folder where the process began */
export function accessesOf(calls: readonly SystemCall[], folder: string): Access[] {
  return calls.filter(({ result }) => result !== undefined && result >= 0).flatMap((call) => {
    if (/^(open|openat|openat2|creat)$/.test(call.name)) {
      const writes = call.name === "creat" || /O_(WRONLY|RDWR|CREAT|TRUNC)/.test(call.arguments);
      return [{ path: call.opened ?? pathsOf(call, folder)[0]!, writes, call }];
    }
    const changes = /^(rename|unlink|mkdir|rmdir|link|symlink|f?chmod|f?chown|truncate|mknod)/;
    if (!changes.test(call.name)) return [];
    return pathsOf(call, folder).map((path) => ({ path, writes: true, call }));
  });
}

/** Programs that were started. */
export function programsOf(calls: readonly SystemCall[], folder: string): string[] {
  const started = calls.filter(({ name, result }) => /^execve/.test(name) && result === 0);
  return [...new Set(started.map((call) => pathsOf(call, folder)[0]!))];
}

/** A call as strace wrote it. */
export function textOf({ name, arguments: args, result }: SystemCall): string {
  return `${name}(${args}) = ${result ?? "?"}`;
}
