/**
 * Decodes all files of a folder at once and looks whether they are whole, prints as JSON what became of each, and the most memory that the process
 * has had. A process of its own, for the tests: libvips has one error text per process.
 */
import { join } from "node:path";
import { freeData, useImage } from "../../lib/images/decode.ts";
import { sniffFormat } from "../../lib/images/image_format.ts";
import { expectWholePicture } from "../../lib/images/silent_damage.ts";
import { messageOf } from "../../lib/failure.ts";
import { sha256 } from "../../lib/files/mod.ts";

/** Of large images the first rows are enough. */
const HASHED_BYTES = 2 ** 20;

/** What became of a file: `size` and hash of its pixels, or why there are none. */
export type FileVerdict = { readonly size: string; readonly sha256: string } | string;

export interface FileVerdicts {
  readonly files: Readonly<Record<string, FileVerdict>>;
  /** Most resident memory of the process, bytes; only on Linux. */
  readonly peakBytes: number;
}

async function verdict(path: string): Promise<FileVerdict> {
  const file = await Deno.readFile(path);
  try {
    const known = await useImage(file, (image) => {
      const { width, height, data } = image;
      const seen = { size: `${width}x${height}`, sha256: sha256(data.subarray(0, HASHED_BYTES)) };
      freeData(image);
      return seen;
    });
    await expectWholePicture(file, sniffFormat(file)!);
    return known;
  } catch (error) {
    return messageOf(error);
  }
}

function peakBytes(): number {
  if (Deno.build.os !== "linux") return NaN;
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)![1]);
}

if (import.meta.main) {
  const [folder] = Deno.args;
  const names = [...Deno.readDirSync(folder!)].map(({ name }) => name).sort();
  const all = await Promise.all(names.map((name) => verdict(join(folder!, name))));
  const files = Object.fromEntries(names.map((name, i) => [name, all[i]!]));
  console.log(JSON.stringify({ files, peakBytes: peakBytes() } satisfies FileVerdicts));
}
