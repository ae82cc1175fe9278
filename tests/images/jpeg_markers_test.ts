import assert from "node:assert/strict";
import { readPlainJpeg } from "../../lib/images/jpeg/markers.ts";
import {
  APP1,
  APP14,
  APP2,
  concatenated,
  exifSegment,
  fixtureFile,
  jpegFile,
  latin1,
  placeOf,
  plainFile,
  segment,
  SOF0,
  SOS,
  withSegment,
} from "./jpeg_files.ts";

const plainJpegSize = (file: Uint8Array) => readPlainJpeg(file)?.size;

const SIZE = { height: 34, width: 45 };
const SOF2 = 0xc2, COM = 0xfe, DRI = 0xdd, DAC = 0xcc, DNL = 0xdc, EOI = 0xd9;
const ORIENTATION = 0x0112, SHORT = 3, LONG = 4;

/** The file with one byte of a segment's body changed. */
function changed(file: Uint8Array, marker: number, { at, to }: { at: number; to: number }) {
  const copy = Uint8Array.from(file);
  copy[placeOf(file, marker) + 4 + at] = to;
  return copy;
}

Deno.test("readPlainJpeg() tells the size of plain files", async () => {
  for (const progressive of [false, true]) {
    assert.deepEqual(plainJpegSize(await plainFile({ progressive })), SIZE);
  }
  const grey = { width: 300, height: 2, seed: 1, noise: 0, grey: true, options: {} };
  assert.deepEqual(plainJpegSize(await jpegFile(grey)), { height: 2, width: 300 });
  for (const name of ["422", "restarts", "progressive-restarts"]) {
    assert.deepEqual(plainJpegSize(await fixtureFile(name)), { height: 29, width: 37 });
  }
});

Deno.test("readPlainJpeg() passes over segments that change no pixel", async () => {
  const file = await plainFile();
  const harmless = [
    segment(COM, latin1("made by hand")),
    segment(COM, []),
    segment(APP1, latin1("http://ns.adobe.com/xap/1.0/\0<x/>")),
    segment(APP1, []),
    segment(0xec, latin1("Ducky")),
    segment(0xed, latin1("Photoshop 3.0\0")),
    segment(APP14, [...latin1("Adobe"), 0, 100, 0, 0, 0, 0, 1]),
    exifSegment([]),
    exifSegment([{ tag: ORIENTATION, type: SHORT, count: 1, value: 1 }], true),
    exifSegment([{ tag: ORIENTATION, type: SHORT, count: 1, value: 1 }], false),
    exifSegment([{ tag: 0x0100, type: LONG, count: 1, value: 45 }]),
  ];
  for (const added of harmless) assert.deepEqual(plainJpegSize(withSegment(file, added)), SIZE);
  assert.deepEqual(plainJpegSize(withSegment(file, concatenated(...harmless))), SIZE);
});

Deno.test("readPlainJpeg() refuses segments that may change pixels", async () => {
  const file = await plainFile();
  const exif = exifSegment([{ tag: ORIENTATION, type: SHORT, count: 1, value: 1 }]);
  const suspicious: Readonly<Record<string, Uint8Array>> = {
    profile: segment(APP2, latin1("ICC_PROFILE\0")),
    "second picture": segment(APP2, latin1("MPF\0")),
    "Adobe, RGB": segment(APP14, [...latin1("Adobe"), 0, 100, 0, 0, 0, 0, 0]),
    "Adobe, YCCK": segment(APP14, [...latin1("Adobe"), 0, 100, 0, 0, 0, 0, 2]),
    "Adobe, cut short": segment(APP14, latin1("Adobe")),
    "no EXIF header": segment(APP1, latin1("Exif")),
    "EXIF of another kind": segment(APP1, latin1("Exif\0\x01II*\0\x08\0\0\0\0\0")),
    "EXIF cut short": segment(APP1, exif.subarray(4, -8)),
    "orientation 6, little": exifSegment([{ tag: ORIENTATION, type: SHORT, count: 1, value: 6 }]),
    "orientation 6, big": exifSegment(
      [{ tag: ORIENTATION, type: SHORT, count: 1, value: 6 }],
      false,
    ),
    "orientation of 32 bits": exifSegment([{ tag: ORIENTATION, type: LONG, count: 1, value: 1 }]),
    "two orientations": exifSegment([{ tag: ORIENTATION, type: SHORT, count: 2, value: 1 }]),
    "arithmetic coding": segment(DAC, [0, 0]),
    "lines that follow": segment(DNL, [0, 34]),
  };
  for (const [name, added] of Object.entries(suspicious)) {
    assert.equal(plainJpegSize(withSegment(file, added)), undefined, name);
    assert.equal(plainJpegSize(withSegment(file, concatenated(exif, added))), undefined, name);
  }
});

Deno.test("readPlainJpeg() refuses frames of other kinds", async () => {
  const file = await plainFile();
  const frames: Readonly<Record<string, { at: number; to: number }>> = {
    "12 bits": { at: 0, to: 12 },
    "two components": { at: 5, to: 2 },
    "four components": { at: 5, to: 4 },
    "component R": { at: 6, to: 82 },
    "4:4:0": { at: 7, to: 0x12 },
    "larger chroma": { at: 10, to: 0x22 },
  };
  for (const [name, change] of Object.entries(frames)) {
    assert.equal(plainJpegSize(changed(file, SOF0, change)), undefined, name);
  }
  for (const at of [1, 3]) {
    const empty = changed(changed(file, SOF0, { at, to: 0 }), SOF0, { at: at + 1, to: 0 });
    assert.equal(plainJpegSize(empty), undefined);
  }
  // 65,314 lines of 65,325 pixels are more than sharp takes.
  const huge = changed(changed(file, SOF0, { at: 1, to: 255 }), SOF0, { at: 3, to: 255 });
  assert.equal(plainJpegSize(huge), undefined);
  const at = placeOf(file, SOF0), frame = file.subarray(at, placeOf(file, SOF0) + 19);
  assert.equal(plainJpegSize(withSegment(file, frame)), undefined, "two frames");
  const arithmetic = Uint8Array.from(file);
  arithmetic[at + 1] = 0xc9;
  assert.equal(plainJpegSize(arithmetic), undefined, "another kind of frame");
});

Deno.test("readPlainJpeg() refuses scans that leave out something", async () => {
  const file = await plainFile();
  const scan = placeOf(file, SOS);
  const one = concatenated(file.subarray(0, scan), segment(SOS, [1, 1, 0, 0, 63, 0]));
  assert.equal(plainJpegSize(concatenated(one, file.subarray(scan + 14))), undefined);

  const progressive = await plainFile({ progressive: true });
  assert.ok(placeOf(progressive, SOF2) > 0);
  const lastScan = progressive.findLastIndex((value, i) =>
    value === 0xff && progressive[i + 1] === SOS
  );
  const unfinished = concatenated(progressive.subarray(0, lastScan), [0xff, EOI]);
  assert.equal(plainJpegSize(unfinished), undefined);
  const withoutEnd = progressive.subarray(0, progressive.length - 2);
  assert.equal(plainJpegSize(withoutEnd), undefined);
});

Deno.test("readPlainJpeg() refuses what is no JPEG file and stays inside of what is cut short", async () => {
  assert.equal(plainJpegSize(new Uint8Array()), undefined);
  assert.equal(plainJpegSize(Uint8Array.from(latin1("\x89PNG\r\n"))), undefined);
  for (const progressive of [false, true]) {
    const file = await plainFile({ progressive });
    const end = progressive ? file.length : placeOf(file, SOS) + 14;
    for (let length = 0; length < end; length++) {
      assert.equal(plainJpegSize(file.subarray(0, length)), undefined, `${length} bytes`);
    }
  }
  const file = await plainFile();
  assert.equal(plainJpegSize(withSegment(file, Uint8Array.of(0, 1, 2))), undefined, "padding");
  assert.equal(plainJpegSize(withSegment(file, Uint8Array.of(0xff))), undefined, "a fill byte");
  assert.equal(plainJpegSize(withSegment(file, Uint8Array.of(0xff, COM, 0, 1))), undefined);
  assert.deepEqual(plainJpegSize(withSegment(file, segment(DRI, [0, 0]))), SIZE);
});
