import assert from "node:assert/strict";
import fc from "fast-check";
import { unpackTar } from "modern-tar";
import { packMembers, TAR_END, type TarMember } from "../../lib/formats/tar.ts";
import { sha256 } from "../../lib/files/mod.ts";

async function packed(members: readonly TarMember[]) {
  const { parts, starts } = await packMembers(members);
  return { bytes: Uint8Array.from(parts.flatMap((part) => [...part])), starts };
}

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("packMembers() writes plain ustar without time or owner", async () => {
  const { bytes, starts } = await packed([{ name: "a/b.txt", data: text("hello") }]);
  assert.deepEqual(starts, [512]);
  assert.equal(bytes.length, 1024);
  const field = (start: number, length: number) =>
    new TextDecoder().decode(bytes.subarray(start, start + length)).replace(/[\0 ]+$/, "");
  assert.equal(field(0, 100), "a/b.txt");
  assert.equal(field(100, 8), "0000644");
  assert.equal(field(108, 8), "0000000");
  assert.equal(field(116, 8), "0000000");
  assert.equal(field(124, 12), "00000000005");
  assert.equal(field(136, 12), "00000000000");
  assert.equal(field(156, 1), "0");
  assert.equal(field(257, 6), "ustar");
  assert.equal(field(512, 512), "hello");
  // The sum of the header's bytes, with spaces in place of the sum itself.
  let sum = 8 * 32;
  bytes.subarray(0, 512).forEach((byte, i) => sum += i >= 148 && i < 156 ? 0 : byte);
  assert.equal(parseInt(field(148, 8), 8), sum);
  // The bytes are part of the promise that equal input gives equal shards.
  assert.equal(sha256(bytes), "350183f17641ac33821aa17436d9c0c62fe2cbd08856da0bf581e33037489f53");
});

Deno.test("packMembers() gives places that hold the data, and archives that unpack", async () => {
  const name = fc.string({ unit: fc.constantFrom("a", "B", "/", "-", "9"), minLength: 1 })
    .map((middle) => `x${middle.slice(0, 90)}y`);
  const member = fc.record({ name, data: fc.uint8Array({ maxLength: 1100 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(member, { minLength: 1, maxLength: 4 }), async (members) => {
      const { bytes, starts } = await packed(members);
      members.forEach(({ data }, i) =>
        assert.deepEqual(bytes.subarray(starts[i]!, starts[i]! + data.length), data)
      );
      const entries = await unpackTar(new Uint8Array([...bytes, ...TAR_END]));
      assert.deepEqual(
        entries.map(({ header, data }) => [header.name, [...data ?? []]]),
        members.map(({ name, data }) => [name, [...data]]),
      );
    }),
  );
});

Deno.test("packMembers() refuses names that need more than plain ustar", async () => {
  for (const name of ["", "é.jpg", "a b.jpg", "x".repeat(101)]) {
    await assert.rejects(packMembers([{ name, data: text("") }]), RangeError);
  }
});

Deno.test("packMembers() packs large data without a copy, as it packs small data", async () => {
  const large = new Uint8Array(2 ** 20 + 100).fill(7);
  const members = [{ name: "a", data: large }, { name: "b", data: text("small") }];
  const { parts } = await packMembers(members);
  assert.ok(parts.some(({ buffer }) => buffer === large.buffer));
  const { bytes } = await packed(members);
  const entries = await unpackTar(new Uint8Array([...bytes, ...TAR_END]));
  assert.deepEqual(
    entries.map(({ data }) => sha256(data!)),
    members.map(({ data }) => sha256(data)),
  );
});
