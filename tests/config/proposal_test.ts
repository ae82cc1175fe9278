import assert from "node:assert/strict";
import fc from "fast-check";
import {
  describeProposal,
  isModelStated,
  PRESETS,
  proposePreset,
  resolveConfig,
} from "../../lib/config/mod.ts";

function side(preset: string): number {
  const { imageSize } = resolveConfig({ preset }).config.data;
  assert.ok(typeof imageSize === "number");
  return imageSize;
}

/** Presets that are proposed. */
const PROPOSED = Object.entries(PRESETS).filter(([, { fromImages }]) => fromImages !== undefined)
  .map(([name]) => name);

Deno.test("proposePreset() takes the nearest size, and what wants most images of those that want no more", () => {
  const sized = (imageSize: number, fromImages?: number) => ({
    values: { data: { imageSize } },
    ...fromImages === undefined ? {} : { fromImages },
  });
  const presets = {
    never: sized(32),
    tiny32: sized(32, 1),
    small32: sized(32, 1000),
    small64: sized(64, 1000),
    tiny64: sized(64, 1),
    tall: { values: { data: { imageSize: [300, 200] as const } }, fromImages: 5000 },
    plain: { values: {}, fromImages: 1 },
  };
  const of = (pixels: number, images: number) => proposePreset({ pixels, images }, presets);
  assert.equal(of(28, 999), "tiny32");
  assert.equal(of(28, 1000), "small32");
  assert.equal(of(45, 999), "tiny32"); // By ratio: 45 / 32 < 64 / 45.
  assert.equal(of(46, 999), "tiny64");
  assert.equal(of(46, 1e6), "small64");
  assert.equal(of(200, 5000), "tall");
  assert.equal(of(200, 4999), "plain");
  assert.equal(of(1e4, 1e6), "plain");
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
  const seen = { pixels: 28, images: 60_000 }, fit = proposePreset(seen);
  const { width } = resolveConfig({ preset: fit }).config.model;
  assert.equal(
    describeProposal(seen),
    "no --preset, so this is vits16 (224 px, 384 wide); the 60000 images have about 28 px, which " +
      `--preset ${fit} (${side(fit)} px, ${width} wide) fits`,
  );
  assert.equal(
    describeProposal({ pixels: 256, images: 200_000 }),
    "no --preset, so this is vits16 (224 px, 384 wide); the 200000 images have about 256 px, which it fits",
  );
});

Deno.test("isModelStated() knows who has decided about the network", () => {
  const isStated = (sets: readonly string[], values = {}) =>
    isModelStated(resolveConfig({ preset: "vits16", file: { path: "run.json", values }, sets }));
  assert.equal(isStated([]), false);
  assert.equal(isStated(["schedule.steps=5", "data.mean=[0,0,0]"], { run: { seed: 1 } }), false);
  assert.equal(isStated(["run.seed=1", "model.width=768"]), true);
  assert.equal(isStated(["data.imageSize=192"]), true);
  assert.equal(isStated([], { model: { depth: 3 } }), true);
});
