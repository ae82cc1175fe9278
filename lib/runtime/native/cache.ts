/**
 * The cache of compiled libraries. A library is loaded only if it is whole, and writable by no one but this user and
 * root.
 */

import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../failure.ts";
import { sha256File } from "../../files/hash.ts";
import { systemReason } from "../../files/system_error.ts";
import { syncEntry } from "../../files/write.ts";
import { noteUse, removeUnused } from "./prune.ts";
import { expectOwn, expectOwnFolder } from "./trust.ts";

/** A folder for libraries. */
export interface Place {
  /** The folder; `undefined` for a new temporary one, which is removed as soon as its library is loaded. */
  readonly path?: string;
  /** Mode of new folders. */
  readonly mode: number;
}

/** Below the installed packages, shared by their users. */
const SHARED = fileURLToPath(new URL("../../../node_modules/.cache/ijepa-native", import.meta.url));

/** A variable of the environment, if it is set and may be read. */
function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** The user's cache folder by the XDG specification. */
function userFolder(): string | undefined {
  const [given, home] = [variable("XDG_CACHE_HOME"), variable("HOME")];
  if (given && isAbsolute(given)) return join(given, "ijepa", "native");
  return home && isAbsolute(home) ? join(home, ".cache", "ijepa", "native") : undefined;
}

/** The folders to try, in this order. */
export function placesOfLibraries(): readonly Place[] {
  const own = userFolder();
  return [
    { path: SHARED, mode: 0o755 },
    ...own === undefined ? [] : [{ path: own, mode: 0o700 }],
    { mode: 0o700 },
  ];
}

/** Existing temporary folders. */
const present = new Set<string>();

// Also when a signal ends the process.
globalThis.addEventListener("unload", () => {
  for (const path of present) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch {
      // It stays, which does no harm.
    }
  }
});

/** A folder that is removed at its end. */
class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
    present.add(path);
  }

  static async make(options: Deno.MakeTempOptions): Promise<TemporaryFolder> {
    return new TemporaryFolder(await Deno.makeTempDir(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // If a child of the compiler still writes to it, it is removed at the end of the process.
    await Deno.remove(this.path, { recursive: true })
      .then(() => present.delete(this.path), () => {});
  }
}

/** A usable folder; removed on disposal if it is temporary. */
export class OpenPlace implements AsyncDisposable {
  readonly folder: string;
  readonly #temporary: TemporaryFolder | undefined;

  private constructor(folder: string, temporary?: TemporaryFolder) {
    this.folder = folder;
    this.#temporary = temporary;
  }

  /** @throws the reason why the folder cannot be used */
  static async open({ path, mode }: Place): Promise<OpenPlace> {
    if (path === undefined) {
      const temporary = await TemporaryFolder.make({ prefix: "ijepa-native-" });
      return new OpenPlace(temporary.path, temporary);
    }
    await Deno.mkdir(path, { recursive: true, mode });
    const folder = await Deno.realPath(path);
    await expectOwnFolder(folder);
    return new OpenPlace(folder);
  }

  /**
   * The path of a cached library. Removes one that was cut short or changed.
   *
   * @throws if another user could have written it
   */
  async find(key: string): Promise<string | undefined> {
    for await (const { name } of Deno.readDir(this.folder)) {
      const [owner, hash] = name.replace(/\.so$/, "").split("-");
      if (owner !== key || !name.endsWith(".so")) continue;
      const path = join(this.folder, name);
      await expectOwn(path);
      if (await sha256File(path) === hash) {
        await noteUse(path);
        return path;
      }
      await Deno.remove(path);
    }
    return undefined;
  }

  /**
   * Stores a library, forced to the disk before it gets its name. Removes those that were not used for long.
   *
   * @param make writes the library in an empty folder and returns its path
   */
  async store(key: string, make: (folder: string) => Promise<string>): Promise<string> {
    await using work = await TemporaryFolder.make({ dir: this.folder });
    const made = await make(work.path);
    const path = join(this.folder, `${key}-${await sha256File(made)}.so`);
    await Deno.chmod(made, 0o755);
    await syncEntry(made);
    await Deno.rename(made, path);
    await syncEntry(this.folder);
    if (this.#temporary === undefined) await removeUnused(this.folder);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#temporary?.[Symbol.asyncDispose]();
  }
}

/** Why a folder cannot be used, in a few words. */
export function refusal({ path }: Place, error: unknown): string {
  const name = path ?? "the temporary folder";
  return `${name}: ${systemReason(name, error) ?? messageOf(error)}`;
}
