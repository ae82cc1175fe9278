import assert from "node:assert/strict";
import { expectFormat } from "../../lib/images/decode.ts";
import { Failure } from "../../lib/failure.ts";
import { latin1 } from "./jpeg_files.ts";

Deno.test("expectFormat() says what a file is that is no image, and what to do", () => {
  const files: Readonly<Record<string, string>> = {
    "<!DOCTYPE html>\n<html>": "an HTML page, download the image again",
    "\n <HTML lang=en>": "an HTML page, download the image again",
    "%PDF-1.7": "PDF, convert it first",
    "v/1\x01": "OpenEXR, convert it first",
    "#?RADIANCE\n": "Radiance HDR, convert it first",
    "SIMPLE  =                    T": "FITS, convert it first",
    "\xff\x4f\xff\x51": "JPEG 2000, convert it first",
  };
  for (const [text, what] of Object.entries(files)) {
    assert.throws(() => expectFormat(Uint8Array.from(latin1(text))), (error) => {
      assert.ok(error instanceof Failure && error.kind === "data");
      const wanted = `Cannot decode: wanted JPEG, PNG, WebP, AVIF, GIF or TIFF, got ${what}`;
      assert.equal(error.message, wanted);
      return true;
    });
  }
});
