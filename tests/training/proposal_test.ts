import assert from "node:assert/strict";
import fc from "fast-check";
import { PRESETS, resolveConfig } from "../../lib/training/config.ts";
import { describeProposal, isModelStated, proposePreset } from "../../lib/training/proposal.ts";

function side(preset: string): number {
  const { imageSize } = resolveConfig({ preset }).config.data;
  assert.ok(typeof imageSize === "number");
  return imageSize;
}

/** Presets that are proposed. */
const PROPOSED = Object.entries(PRESETS).filter(([, { fromImages }]) => fromImages !== undefined)
  .map(([name]) => name);

Deno.test("proposePreset() takes the nearest size, and the larger network only with many images", () => {
  const few = { images: 6000 }, many = { images: 1_000_000 };
  assert.equal(proposePreset({ ...few, pixels: 28 }), "vitti4-32");
  assert.equal(proposePreset({ ...few, pixels: 40 }), "vitti4-32");
  assert.equal(proposePreset({ ...many, pixels: 28 }), "vits4-32");
  assert.equal(proposePreset({ ...few, pixels: 64 }), "vitti8-64");
  assert.equal(proposePreset({ ...many, pixels: 96 }), "vits8-96");
  assert.equal(proposePreset({ ...few, pixels: 3000 }), "vitti16");
  assert.equal(proposePreset({ ...many, pixels: 256 }), "vits16");
});

Deno.test("proposePreset() has one for any images, and none is nearer in size", () => {
  const seen = fc.record({
    pixels: fc.integer({ min: 1, max: 131_072 }),
    images: fc.integer({ min: 1, max: 1e9 }),
  });
  fc.assert(fc.property(seen, ({ pixels, images }) => {
    const proposed = proposePreset({ pixels, images });
    assert.ok(PROPOSED.includes(proposed));
    assert.ok(PRESETS[proposed]!.fromImages! <= images);
    const far = (preset: string) => Math.abs(Math.log(pixels / side(preset)));
    for (const other of PROPOSED.filter((name) => PRESETS[name]!.fromImages! <= images)) {
      assert.ok(far(proposed) <= far(other), `${proposed}, not ${other}`);
    }
  }));
});

Deno.test("describeProposal() names the grounds, the size of what is proposed, and what goes on", () => {
  assert.equal(
    describeProposal({ pixels: 28, images: 60_000 }),
    "no --preset, so this is vits16 (224 px, 384 wide); the 60000 images have about 28 px, which " +
      "--preset vitti4-32 (32 px, 192 wide) fits",
  );
  assert.equal(
    describeProposal({ pixels: 256, images: 200_000 }),
    "no --preset, so this is vits16 (224 px, 384 wide); the 200000 images have about 256 px, which it fits",
  );
});

Deno.test("isModelStated() knows who has decided about the network", () => {
  const nothing = { preset: undefined, config: undefined, set: [] };
  assert.equal(isModelStated(nothing), false);
  assert.equal(
    isModelStated({ ...nothing, set: ["schedule.steps=5", "data.mean=[0,0,0]"] }),
    false,
  );
  for (
    const stated of [
      { preset: "vits16" },
      { config: "run.json" },
      { set: ["run.seed=1", " model.width=64"] },
      { set: ["data.imageSize = 96"] },
    ]
  ) assert.equal(isModelStated({ ...nothing, ...stated }), true);
});
