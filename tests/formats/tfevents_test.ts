import assert from "node:assert/strict";
import {
  crc32c,
  eventsFileName,
  frameRecord,
  scalarsRecord,
  secondsOfEventsFile,
  startRecord,
  versionRecord,
} from "../../lib/formats/tfevents.ts";

const text = new TextEncoder();

function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** The payload of a record. */
function payloadOf(record: Uint8Array): string {
  return hex(record.subarray(12, -4));
}

Deno.test("crc32c() gives the known checksums", () => {
  assert.equal(crc32c(text.encode("123456789")), 0xe3069283);
  // RFC 3720, appendix B.4.
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(new Uint8Array(0)), 0);
});

Deno.test("frameRecord() puts lengths and masked checksums around a payload", () => {
  assert.equal(
    hex(frameRecord(text.encode("ijepa"))),
    "0500000000000000eab2043e" + "696a657061" + "060bee41",
  );
});

// Bytes of TensorBoard's own writer.
Deno.test("versionRecord(), startRecord() and scalarsRecord() are the bytes of TensorBoard's writer", () => {
  assert.equal(
    hex(versionRecord(1700000000.5)),
    "1800000000000000a37f4b22" +
      "0900002040fc54d941" + "1a0d627261696e2e4576656e743a32" + "2b353110",
  );
  assert.equal(
    hex(startRecord(1700000000.5, 300)),
    "100000000000000095fbfe18" + "0900002040fc54d941" + "10ac02" + "3a020801" + "b94512a3",
  );
  assert.equal(
    hex(scalarsRecord(1700000000.5, 300, { "train/loss": 0.25, "schedule/lr": 0.001 })),
    "3500000000000000d6c55de6" + "0900002040fc54d941" + "10ac02" + "2a27" +
      "0a110a0a747261696e2f6c6f7373150000803e" + "0a120a0b7363686564756c652f6c72156f12833a" +
      "76afa025",
  );
});

Deno.test("scalarsRecord() keeps step 0 and values of 0", () => {
  assert.equal(
    payloadOf(scalarsRecord(0, 0, { x: 0 })),
    "090000000000000000" + "1000" + "2a0a" + "0a08" + "0a0178" + "1500000000",
  );
});

Deno.test("names of event files sort by time and give it back", () => {
  const name = eventsFileName(1700000000, "host", 42);
  assert.equal(name, "events.out.tfevents.1700000000.host.42.0");
  assert.equal(secondsOfEventsFile(name), 1700000000);
  assert.ok(eventsFileName(5, "host", 1) < name);
  assert.equal(secondsOfEventsFile("metrics.jsonl"), undefined);
});
