import { Failure } from "../failure.ts";
import { outputFailure } from "./write.ts";

/**
 * Takes an advisory lock that ends with the process, however it ends.
 *
 * @param path the lock file
 * @param guarded what the lock protects, for the message
 * @throws {Failure} `output`: another process holds it, or the place is not writable
 */
export async function holdLock(
  path: string,
  guarded: string,
  { removeAfter }: { readonly removeAfter: boolean },
): Promise<AsyncDisposable> {
  for (;;) {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path, { read: true, write: true, create: true });
    } catch (error) {
      throw outputFailure(guarded, error);
    }
    if (!await file.tryLock(true)) {
      const holder = (await Deno.readTextFile(path).catch(() => "")).trim();
      file.close();
      throw new Failure(
        "output",
        `Cannot write "${guarded}": another process${holder && ` (${holder})`} is working on it, ` +
          `wait for it to end or give another --out`,
      );
    }
    // The former holder may have removed the file between our open and our lock: then lock the new one.
    const [mine, named] = [await file.stat(), await Deno.stat(path).catch(() => undefined)];
    if (mine.ino !== named?.ino) {
      file.close();
      continue;
    }
    await file.truncate();
    await file.write(new TextEncoder().encode(`process ${Deno.pid}\n`));
    return {
      async [Symbol.asyncDispose]() {
        if (removeAfter) await Deno.remove(path).catch(() => {});
        file.close();
      },
    };
  }
}
