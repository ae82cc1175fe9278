import assert from "node:assert/strict";
import { decodeImage } from "../../lib/data/decode.ts";
import { ImageChecker } from "../../lib/data/image_checker.ts";
import { messageOf } from "../../lib/failure.ts";
import { speckled } from "./pictures.ts";

const WHOLE = await speckled().jpeg().toBuffer();
const SCAN = WHOLE.indexOf(new Uint8Array([0xff, 0xda]));

/** Three bytes between two segments, as some cameras write them. */
const PADDED = new Uint8Array([...WHOLE.subarray(0, SCAN), 0, 1, 2, ...WHOLE.subarray(SCAN)]);

/** A marker that cannot be there ends the picture data early. */
const DAMAGED = Uint8Array.from(WHOLE);
DAMAGED.set([0xff, 0xd5], SCAN + 2000);

async function verdict(checker: ImageChecker, bytes: Uint8Array): Promise<string> {
  return await checker.decode(bytes).then(() => "good", messageOf);
}

function refusal(reason: string): string {
  return `Cannot decode: the JPEG is truncated or damaged (VipsJpeg: ${reason})`;
}

Deno.test("ImageChecker tells truncation, damage and harmless padding apart", async () => {
  const checker = new ImageChecker();
  assert.equal(await verdict(checker, WHOLE), "good");
  assert.deepEqual((await checker.decode(PADDED)).data, (await decodeImage(WHOLE)).data);
  const truncated = refusal("premature end of JPEG image");
  assert.equal(await verdict(checker, WHOLE.subarray(0, WHOLE.length - 2)), truncated);
  assert.equal(await verdict(checker, WHOLE.subarray(0, 4000)), truncated);
  assert.match(await verdict(checker, PADDED.subarray(0, 4000)), /premature end of JPEG image/);
  assert.match(await verdict(checker, DAMAGED), /^Cannot decode: the JPEG is truncated or damaged/);
});

Deno.test("ImageChecker gives each image its own verdict, whatever is decoded beside it", async () => {
  const checker = new ImageChecker();
  const gif = (await speckled().gif().toBuffer()).subarray(0, 3000);
  const kinds = [WHOLE, PADDED, WHOLE.subarray(0, 4000), gif, DAMAGED];
  const alone: string[] = [];
  for (const bytes of kinds) alone.push(await verdict(checker, bytes));
  assert.equal(new Set(alone).size, 4);
  const many = Array.from({ length: 150 }, (_, i) => i * 7 % kinds.length);
  const together = await Promise.all(many.map((kind) => verdict(checker, kinds[kind]!)));
  assert.deepEqual(together, many.map((kind) => alone[kind]));
});
