import assert from "node:assert/strict";
import { philox4x32 } from "../../lib/random/mod.ts";

/** Known-answer vectors of Random123 1.14, `kat_vectors`, rows `philox4x32 10`. */
const KNOWN = [
  {
    name: "zeros",
    counter: [0, 0, 0, 0],
    key: [0, 0],
    wanted: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  },
  {
    name: "ones",
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    wanted: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    name: "the digits of pi",
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    wanted: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
] as const;

for (const { name, counter, key, wanted } of KNOWN) {
  Deno.test(`philox4x32() gives Random123's known answer for ${name}`, () => {
    const output = new Uint32Array(4);
    philox4x32([...counter], [...key], output);
    assert.deepEqual([...output], [...wanted]);
  });
}
