/**
 * Prints what `decodeImage()` says about sound and damaged pictures, as JSON. A process of its own for
 * decode_failures_test.ts: libvips has one error text per process, and other test modules decode pictures in this one.
 */
import { decodeImage } from "../../lib/images/decode.ts";
import { messageOf } from "../../lib/failure.ts";
import { speckled } from "./pictures.ts";

const WHOLE = await speckled().jpeg().toBuffer();
const SCAN = WHOLE.indexOf(new Uint8Array([0xff, 0xda]));

/** Three bytes between two segments, as some cameras write them. */
const PADDED = new Uint8Array([...WHOLE.subarray(0, SCAN), 0, 1, 2, ...WHOLE.subarray(SCAN)]);

/** A marker that cannot be there ends the picture data early. */
const DAMAGED = Uint8Array.from(WHOLE);
DAMAGED.set([0xff, 0xd5], SCAN + 2000);

async function verdict(bytes: Uint8Array): Promise<string> {
  return await decodeImage(bytes).then(() => "good", messageOf);
}

/** Padding changes no pixel. */
async function paddedIsWhole(): Promise<boolean> {
  const [padded, whole] = [await decodeImage(PADDED), await decodeImage(WHOLE)];
  return padded.data.length > 0 && padded.data.every((value, i) => value === whole.data[i]);
}

/** The same pictures judged one by one and 150 at once. */
async function aloneAndTogether(): Promise<{ alone: string[]; together: string[] }> {
  const gif = (await speckled().gif().toBuffer()).subarray(0, 3000);
  const kinds = [WHOLE, PADDED, WHOLE.subarray(0, 4000), gif, DAMAGED];
  const verdicts: string[] = [];
  for (const bytes of kinds) verdicts.push(await verdict(bytes));
  const many = Array.from({ length: 150 }, (_, i) => i * 7 % kinds.length);
  const together = await Promise.all(many.map((kind) => verdict(kinds[kind]!)));
  return { alone: many.map((kind) => verdicts[kind]!), together };
}

console.log(JSON.stringify({
  whole: await verdict(WHOLE),
  paddedIsWhole: await paddedIsWhole(),
  lastBytesMissing: await verdict(WHOLE.subarray(0, WHOLE.length - 2)),
  cutShort: await verdict(WHOLE.subarray(0, 4000)),
  paddedCutShort: await verdict(PADDED.subarray(0, 4000)),
  damaged: await verdict(DAMAGED),
  ...await aloneAndTogether(),
}));
