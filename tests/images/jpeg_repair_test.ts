import assert from "node:assert/strict";
import fc from "fast-check";
import { repairedJpeg } from "../../lib/images/jpeg/repair.ts";
import {
  APP14,
  concatenated,
  latin1,
  placeOf,
  plainFile,
  segment,
  SOF0,
  SOS,
  withSegment,
} from "./jpeg_files.ts";

const APP0 = 0xe0, SOF2 = 0xc2;

const jfif = (major: number, minor: number) =>
  segment(APP0, [...latin1("JFIF\0"), major, minor, 0, 0, 1, 0, 1, 0, 0]);
const adobe = (transform: number) =>
  segment(APP14, [...latin1("Adobe"), 0, 100, 0, 0, 0, 0, transform]);

Deno.test("repairedJpeg() leaves files without such faults alone", async () => {
  for (const progressive of [false, true]) {
    const file = await plainFile({ progressive });
    const good = [
      file,
      withSegment(file, jfif(1, 2)),
      withSegment(file, adobe(0)),
      concatenated(file, latin1("garbage")),
      file.subarray(0, -40),
    ];
    for (const bytes of good) assert.equal(repairedJpeg(bytes), undefined);
  }
  assert.equal(repairedJpeg(new Uint8Array()), undefined);
  assert.equal(repairedJpeg(Uint8Array.of(0xff, 0xd8, 0xff)), undefined);
});

Deno.test("repairedJpeg() gives back the file as it was before", async () => {
  const file = await plainFile(), scan = placeOf(file, SOS);
  const padded = (at: number, ...padding: number[]) =>
    concatenated(file.subarray(0, at), padding, file.subarray(at));
  for (const at of [2, placeOf(file, SOF0), scan]) {
    assert.deepEqual(repairedJpeg(padded(at, 0, 1, 2)), file);
    assert.deepEqual(repairedJpeg(padded(at, 0xff, 0xff)), file);
    assert.deepEqual(repairedJpeg(padded(at, 7, 0xff, 0, 7)), file);
  }
  assert.deepEqual(repairedJpeg(withSegment(file, jfif(0, 0))), withSegment(file, jfif(1, 1)));
  assert.deepEqual(repairedJpeg(withSegment(file, adobe(9))), withSegment(file, adobe(1)));
  const strange = Uint8Array.from(file);
  strange[scan + 12] = 0;
  assert.deepEqual(repairedJpeg(strange), file);
  const tail = concatenated(strange, latin1("garbage"));
  assert.deepEqual(repairedJpeg(tail), concatenated(file, latin1("garbage")));
});

Deno.test("repairedJpeg() leaves the scans of progressive files as they are", async () => {
  const file = await plainFile({ progressive: true });
  const at = placeOf(file, SOF2);
  const padded = concatenated(file.subarray(0, at), [0], file.subarray(at));
  assert.deepEqual(repairedJpeg(padded), file);
});

Deno.test("repairedJpeg() stays inside of whatever it is given, and repairs once", async () => {
  const file = [...withSegment(await plainFile(), jfif(0, 0))];
  const changes = fc.array(fc.record({ at: fc.nat(), value: fc.nat(255) }), { maxLength: 4 });
  fc.assert(
    fc.property(changes, fc.nat(file.length), (some, length) => {
      const bytes = Uint8Array.from(file.slice(0, length));
      for (const { at, value } of some) if (length > 0) bytes[at % length] = value;
      const repaired = repairedJpeg(bytes);
      if (repaired === undefined) return;
      assert.ok(repaired.length <= bytes.length);
      assert.equal(repairedJpeg(repaired), undefined);
    }),
    { numRuns: 500, seed: 1 },
  );
});
