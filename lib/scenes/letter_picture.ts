/** Letters over coloured noise: drawing the parameters, and rendering. */
import { RandomStream } from "../random/mod.ts";
import { distanceToLetter, type Letter, LETTERS, strokesOf } from "./glyphs.ts";
import { latticeValue, smoothNoise } from "./noise.ts";
import type { Color } from "./scene.ts";

/** One letter before coloured noise, independent of its size in pixels. Lengths are fractions of the frame. */
export interface LetterPicture {
  readonly letter: Letter;
  readonly color: Color;
  /** Of the letter's lines without their thickness. */
  readonly height: number;
  /** Of the pen. */
  readonly thickness: number;
  /** Centre, from the left and from the top. */
  readonly x: number;
  readonly y: number;
  /** Radians, clockwise. */
  readonly turn: number;
  readonly noise: ColoredNoise;
}

/** A background whose channels vary around a colour, each in its own way. */
export interface ColoredNoise {
  readonly color: Color;
  /** Largest deviation of the smooth part, 0 to 255. */
  readonly contrast: number;
  /** Distance of its ups and downs, as a fraction of the frame. */
  readonly period: number;
  /** Largest deviation of single pixels beside that, 0 to 255. */
  readonly grain: number;
  readonly seeds: readonly [red: number, green: number, blue: number];
}

const HEIGHT = [0.42, 0.7] as const;
/** As a fraction of the height. */
const THICKNESS = [0.12, 0.2] as const;
const LARGEST_TURN = 0.3;
const CHANNEL_RANGE = [20, 235] as const;
const CONTRAST = [15, 45] as const;
const PERIOD = [0.12, 0.4] as const;
const GRAIN = [0, 20] as const;
/** Between the letter's colour and that of the background, in red, green and blue: more than the noise has. */
const LEAST_DISTANCE = 110;

const CHANNELS = [0, 1, 2] as const;

function drawColor(random: RandomStream): Color {
  const channel = () => random.uniform(...CHANNEL_RANGE);
  return [channel(), channel(), channel()];
}

function drawNoise(random: RandomStream): ColoredNoise {
  return {
    color: drawColor(random),
    contrast: random.uniform(...CONTRAST),
    period: random.uniform(...PERIOD),
    grain: random.uniform(...GRAIN),
    seeds: [random.uint32(), random.uint32(), random.uint32()],
  };
}

/** A colour far from those of the noise. */
function drawOther(random: RandomStream, { color: background }: ColoredNoise): Color {
  for (;;) {
    const color = drawColor(random);
    const distance = Math.hypot(...CHANNELS.map((c) => color[c] - background[c]));
    if (distance >= LEAST_DISTANCE) return color;
  }
}

type Pen = Pick<LetterPicture, "letter" | "height" | "thickness" | "turn">;

/** Extent of a letter from its centre, across and up, as fractions of the frame. */
function reachOf({ letter, height, thickness, turn }: Pen): readonly [number, number] {
  const cos = Math.cos(turn), sin = Math.sin(turn);
  let across = 0, up = 0;
  for (const [x, y] of strokesOf(letter).flat()) {
    across = Math.max(across, Math.abs(cos * x - sin * y));
    up = Math.max(up, Math.abs(sin * x + cos * y));
  }
  return [height * across + thickness / 2, height * up + thickness / 2];
}

/**
 * Picture number `index` of a seed, with a letter that is whole. The background is drawn by itself: nothing in it depends
 * on the letter.
 */
export function drawLetter(
  { seed, index }: { readonly seed: number; readonly index: number },
): LetterPicture {
  const noise = drawNoise(
    new RandomStream({ seed, purpose: "letter background", sample: index }),
  );
  const random = new RandomStream({ seed, purpose: "letter", sample: index });
  const letter = LETTERS[random.integer(LETTERS.length)]!;
  const height = random.uniform(...HEIGHT);
  const pen = {
    letter,
    height,
    thickness: height * random.uniform(...THICKNESS),
    turn: random.uniform(-LARGEST_TURN, LARGEST_TURN),
  };
  const [x, y] = reachOf(pen).map((reach) => random.uniform(reach, 1 - reach)) as [number, number];
  return { ...pen, x, y, color: drawOther(random, noise), noise };
}

function paintNoise(
  { color, contrast, period, grain, seeds }: ColoredNoise,
  { size, pixels }: { readonly size: number; readonly pixels: Float32Array },
): void {
  for (let row = 0, place = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const x = (column + 0.5) / size / period, y = (row + 0.5) / size / period;
      for (const channel of CHANNELS) {
        const seed = seeds[channel];
        // The inverted seed makes the grain independent.
        const smooth = 2 * smoothNoise(x, y, seed) - 1,
          fine = 2 * latticeValue(column, row, ~seed) - 1;
        pixels[place++] = color[channel] + contrast * smooth + grain * fine;
      }
    }
  }
}

/** Paints a letter over its background, with smooth edges. Returns RGB bytes [size size 3]. */
export function renderLetter(picture: LetterPicture, size: number): Uint8Array {
  const { letter, color, height, thickness, turn, noise } = picture;
  const pixels = new Float32Array(3 * size * size);
  paintNoise(noise, { size, pixels });
  const cos = Math.cos(turn), sin = Math.sin(turn);
  for (let row = 0, place = 0; row < size; row++) {
    for (let column = 0; column < size; column++, place += 3) {
      const dx = ((column + 0.5) / size - picture.x) / height;
      const dy = ((row + 0.5) / size - picture.y) / height;
      const distance = distanceToLetter(letter, [cos * dx + sin * dy, cos * dy - sin * dx]);
      const coverage = 0.5 - (distance * height - thickness / 2) * size;
      if (coverage <= 0) continue;
      for (const channel of CHANNELS) {
        const under = pixels[place + channel]!;
        pixels[place + channel] = under + (color[channel] - under) * Math.min(1, coverage);
      }
    }
  }
  return new Uint8Array(Uint8ClampedArray.from(pixels).buffer);
}
