import assert from "node:assert/strict";
import { sha256 } from "../../lib/files/mod.ts";
import { distanceToLetter, LETTERS, strokesOf } from "../../lib/scenes/glyphs.ts";
import { drawLetter, type LetterPicture, renderLetter } from "../../lib/scenes/letter_picture.ts";

const COUNT = 4000, CLASSES = LETTERS.length;
const PICTURES = Array.from({ length: COUNT }, (_, index) => drawLetter({ seed: 7, index }));

/** Mean red, green and blue of a picture. */
function meanColor(pixels: Uint8Array): readonly number[] {
  const sums = [0, 0, 0];
  pixels.forEach((value, i) => sums[i % 3]! += value);
  return sums.map((sum) => 3 * sum / pixels.length);
}

Deno.test("drawLetter() depends on the seed and the index alone", () => {
  assert.deepEqual(drawLetter({ seed: 7, index: 3 }), PICTURES[3]);
  const all = new Set(PICTURES.map((picture) => JSON.stringify(picture)));
  assert.equal(all.size, COUNT);
  for (let index = 0; index < 100; index++) {
    assert.ok(!all.has(JSON.stringify(drawLetter({ seed: 8, index }))));
  }
});

Deno.test("drawLetter() draws every letter as often as the others, and keeps it in the frame", () => {
  assert.equal(new Set(LETTERS).size, 20);
  for (const letter of LETTERS) {
    const share = PICTURES.filter((picture) => picture.letter === letter).length / COUNT;
    // Within five standard deviations of a uniform draw.
    assert.ok(Math.abs(share - 0.05) < 5 * Math.sqrt(0.05 * 0.95 / COUNT), `${letter} ${share}`);
  }
  for (const { letter, height, thickness, turn, x, y } of PICTURES) {
    for (const [dx, dy] of strokesOf(letter).flat()) {
      const px = x + height * (Math.cos(turn) * dx - Math.sin(turn) * dy);
      const py = y + height * (Math.sin(turn) * dx + Math.cos(turn) * dy);
      for (const place of [px, py]) {
        assert.ok(place >= thickness / 2 - 1e-9 && place <= 1 - thickness / 2 + 1e-9);
      }
    }
  }
});

Deno.test("distanceToLetter() is the distance to the nearest line, and letters differ", () => {
  const near = (got: number, wanted: number) => assert.ok(Math.abs(got - wanted) < 1e-12, `${got}`);
  // An L of width 0.58 around its middle: its corner at (-0.29, 0.5).
  near(distanceToLetter("L", [-0.29, 0.1]), 0);
  near(distanceToLetter("L", [-0.29 + 0.2, 0.1]), 0.2);
  near(distanceToLetter("L", [-0.29 - 0.3, 0.5 + 0.4]), 0.5);
  near(distanceToLetter("T", [0, 0.3]), 0);
  near(distanceToLetter("T", [0.35 + 0.3, -0.5 - 0.4]), 0.5);
  const grids = LETTERS.map((letter) =>
    Array.from({ length: 400 }, (_, i) => {
      const point = [(i % 20) / 20 - 0.475, Math.floor(i / 20) / 20 - 0.475] as const;
      const distance = distanceToLetter(letter, point);
      assert.ok(distance >= 0 && distance < 1, letter);
      return distance < 0.08;
    })
  );
  grids.forEach((grid, i) => {
    for (const [j, other] of grids.entries()) {
      const apart = grid.filter((cell, k) => cell !== other[k]).length;
      if (j < i) assert.ok(apart >= 20, `${LETTERS[i]} and ${LETTERS[j]}: ${apart}`);
    }
  });
});

Deno.test("renderLetter() changes nothing of the background beyond the letter's edge", () => {
  for (const picture of PICTURES.slice(0, 40)) {
    const other: LetterPicture = { ...picture, letter: picture.letter === "X" ? "L" : "X" };
    const [one, two] = [renderLetter(picture, 32), renderLetter(other, 32)];
    let apart = 0;
    for (let i = 0; i < 32 * 32; i++) {
      const dx = ((i % 32 + 0.5) / 32 - picture.x) / picture.height;
      const dy = ((Math.floor(i / 32) + 0.5) / 32 - picture.y) / picture.height;
      const [cos, sin] = [Math.cos(picture.turn), Math.sin(picture.turn)];
      const point = [cos * dx + sin * dy, cos * dy - sin * dx] as const;
      const reach = (picture.thickness / 2 + 1 / 64) / picture.height;
      const isPaper = [picture, other].every(({ letter }) =>
        distanceToLetter(letter, point) > reach
      );
      if (!isPaper) continue;
      apart++;
      assert.deepEqual(one.subarray(3 * i, 3 * i + 3), two.subarray(3 * i, 3 * i + 3));
    }
    assert.ok(apart > 300);
  }
});

Deno.test("the background's colour tells nothing about the letter", () => {
  // A classifier of class means, fitted on one half and tested on the other, has the score of a guess.
  const colors = PICTURES.map(({ noise, letter }) => ({
    letter,
    color: meanColor(renderLetter({ ...PICTURES[0]!, noise, height: 0.01, thickness: 0 }, 16)),
  }));
  const [known, asked] = [colors.slice(0, COUNT / 2), colors.slice(COUNT / 2)];
  const means = LETTERS.map((letter) => {
    const own = known.filter((each) => each.letter === letter);
    return [0, 1, 2].map((c) => own.reduce((sum, { color }) => sum + color[c]!, 0) / own.length);
  });
  const distance = (a: readonly number[], b: readonly number[]) =>
    Math.hypot(...a.map((value, c) => value - b[c]!));
  const right = asked.filter(({ letter, color }) => {
    const distances = means.map((mean) => distance(mean, color));
    return LETTERS[distances.indexOf(Math.min(...distances))] === letter;
  }).length;
  const spread = Math.sqrt(asked.length * (1 / CLASSES) * (1 - 1 / CLASSES));
  assert.ok(Math.abs(right - asked.length / CLASSES) < 4 * spread, `${right} of ${asked.length}`);
  // The backgrounds themselves are all over the range, and no letter has the colour of its own.
  const reds = colors.map(({ color }) => color[0]!);
  assert.ok(Math.min(...reds) < 40 && Math.max(...reds) > 215);
  for (const { color, noise } of PICTURES) assert.ok(distance(color, noise.color) >= 110);
});

Deno.test("renderLetter() covers the area of its lines, at any size", () => {
  const noise = { ...PICTURES[0]!.noise, color: [0, 0, 0] as const, contrast: 0, grain: 0 };
  // Two rectangles that share a square at the corner; a half of a disc at each end and a quarter at the corner.
  const picture: LetterPicture = {
    ...{
      letter: "L",
      color: [250, 250, 250],
      height: 0.6,
      thickness: 0.1,
      x: 0.5,
      y: 0.5,
      turn: 0.2,
    },
    noise,
  };
  const lines = 0.6 * (1 + 0.58) * 0.1, corner = 0.05 ** 2, ends = Math.PI * 0.05 ** 2 * 5 / 4;
  for (const size of [32, 128]) {
    const covered = meanColor(renderLetter(picture, size))[0]! / 250;
    assert.ok(Math.abs(covered - (lines - corner + ends)) < 0.001, `${covered} at ${size}`);
  }
});

Deno.test("renderLetter() gives known bytes", () => {
  const hashes = [0, 1, 2].map((index) =>
    sha256(renderLetter(drawLetter({ seed: 0, index }), 32)).slice(0, 12)
  );
  assert.deepEqual(hashes, ["71f239e90f41", "e1aa377816c2", "67cc8e61fca8"]);
});
