/**
 * The loss of a step in double precision, with plain loops and none of the project's code: encoders with registers,
 * predictor, targets. Gradients are differences of it.
 */

/** The tensors of a state by name, as double precision. */
export type Values = Readonly<Record<string, Float64Array>>;

/** Sizes of a network. */
interface Sizes {
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpWidth: number;
}

/** What the loss is of. */
export interface Step {
  readonly batch: number;
  /** Of images, and of their patches, pixels. */
  readonly side: number;
  readonly patch: number;
  readonly encoder: Sizes & { readonly registers: number };
  readonly predictor: Sizes;
  readonly targetBlocks: number;
  /** `input`: the target encoder sees a block alone. */
  readonly targetMasking: "output" | "input";
  /** [B 3 H W] */
  readonly images: ArrayLike<number>;
  /** [B Kc] and [M B Kt], block by block. */
  readonly context: ArrayLike<number>;
  readonly targets: ArrayLike<number>;
}

type Vector = number[];

/** Tensors under a prefix, read by name. */
type Read = (name: string) => Float64Array;

function linear(x: Vector, read: Read, name: string): Vector {
  const weight = read(`${name}.weight`);
  return Array.from(read(`${name}.bias`), (bias, out) => {
    let sum = bias;
    for (let i = 0; i < x.length; i++) sum += weight[out * x.length + i]! * x[i]!;
    return sum;
  });
}

function normalised(x: Vector, epsilon: number): Vector {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value) => (value - mean) / Math.sqrt(variance + epsilon));
}

function norm(x: Vector, read: Read, name: string): Vector {
  const weight = read(`${name}.weight`), bias = read(`${name}.bias`);
  return normalised(x, 1e-6).map((value, i) => value * weight[i]! + bias[i]!);
}

/** The error function by its series: exact to 1e-10 up to 5, where it is 1 to 1e-11. */
function erf(x: number): number {
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return Math.abs(x) > 5 ? Math.sign(x) : 2 / Math.sqrt(Math.PI) * sum;
}

const gelu = (x: number) => x * (1 + erf(x / Math.SQRT2)) / 2;
const sum = (a: Vector, b: ArrayLike<number>) => a.map((value, i) => value + b[i]!);

/** One block on the tokens of one sequence. */
function block(tokens: Vector[], read: Read, { name, heads }: { name: string; heads: number }) {
  const projected = tokens.map((x) =>
    linear(norm(x, read, `${name}.norm1`), read, `${name}.attn.qkv`)
  );
  const width = tokens[0]!.length, size = width / heads;
  return tokens.map((x, i) => {
    const attended: Vector = [];
    for (let head = 0; head < heads; head++) {
      const part = (token: number, which: number) => {
        const begin = which * width + head * size;
        return projected[token]!.slice(begin, begin + size);
      };
      const query = part(i, 0);
      const weights = tokens.map((_, j) =>
        Math.exp(part(j, 1).reduce((dot, key, d) => dot + key * query[d]!, 0) / Math.sqrt(size))
      );
      const total = weights.reduce((a, b) => a + b);
      for (let d = 0; d < size; d++) {
        attended.push(weights.reduce((value, w, j) => value + w / total * part(j, 2)[d]!, 0));
      }
    }
    const middle = sum(x, linear(attended, read, `${name}.attn.proj`));
    const hidden = linear(norm(middle, read, `${name}.norm2`), read, `${name}.mlp.fc1`).map(gelu);
    return sum(middle, linear(hidden, read, `${name}.mlp.fc2`));
  });
}

function rowOf(table: Float64Array, row: number, width: number): Float64Array {
  return table.subarray(row * width, (row + 1) * width);
}

/** What an encoder makes of some patches of an image, besides registers. */
function encode(step: Step, read: Read, { image, places }: { image: number; places: number[] }) {
  const { side, patch, encoder: { width, depth, heads, registers } } = step;
  const across = side / patch, positions = read("pos_embed");
  const patches = places.map((place) => {
    const top = Math.floor(place / across) * patch, left = place % across * patch;
    const pixels: Vector = [];
    for (let channel = 0; channel < 3; channel++) {
      for (let row = top; row < top + patch; row++) {
        for (let column = left; column < left + patch; column++) {
          pixels.push(step.images[((image * 3 + channel) * side + row) * side + column]!);
        }
      }
    }
    return sum(linear(pixels, read, "patch_embed.proj"), rowOf(positions, place, width));
  });
  // At the end, where the tested code has them in front: attention knows no order.
  let tokens = [...patches];
  for (let i = 0; i < registers; i++) {
    tokens.push(Array.from(rowOf(read("register_tokens"), i, width)));
  }
  for (let i = 0; i < depth; i++) tokens = block(tokens, read, { name: `blocks.${i}`, heads });
  return tokens.slice(0, places.length).map((x) => norm(x, read, "norm"));
}

function predict(step: Step, read: Read, given: {
  context: Vector[];
  contextPlaces: number[];
  places: number[];
}): Vector[] {
  const { width, depth, heads } = step.predictor, positions = read("predictor_pos_embed");
  let tokens = [
    ...given.context.map((x, i) =>
      sum(linear(x, read, "predictor_embed"), rowOf(positions, given.contextPlaces[i]!, width))
    ),
    ...given.places.map((place) => sum([...read("mask_token")], rowOf(positions, place, width))),
  ];
  for (let i = 0; i < depth; i++) {
    tokens = block(tokens, read, { name: `predictor_blocks.${i}`, heads });
  }
  return tokens.slice(-given.places.length)
    .map((x) => linear(norm(x, read, "predictor_norm"), read, "predictor_proj"));
}

function under(state: Values, prefix: string): Read {
  return (name) => {
    const values = state[prefix + name];
    if (values === undefined) throw new RangeError(`there is no ${prefix}${name}`);
    return values;
  };
}

/** Smooth L1 between predictions and targets, mean over every element. */
export function lossOf(step: Step, state: Values): number {
  const { batch, targetBlocks, targetMasking, context, targets } = step;
  const [kept, predicted] = [context.length / batch, targets.length / batch / targetBlocks];
  const list = (all: ArrayLike<number>, index: number, length: number) =>
    Array.from({ length }, (_, i) => all[index * length + i]!);
  const everywhere = Array.from({ length: (step.side / step.patch) ** 2 }, (_, place) => place);
  let total = 0, count = 0;
  for (let image = 0; image < batch; image++) {
    const contextPlaces = list(context, image, kept);
    const seen = encode(step, under(state, "encoder."), { image, places: contextPlaces });
    const target = under(state, "target_encoder.");
    const whole = targetMasking === "output"
      ? encode(step, target, { image, places: everywhere })
      : [];
    for (let m = 0; m < targetBlocks; m++) {
      const places = list(targets, m * batch + image, predicted);
      const wanted = targetMasking === "output"
        ? places.map((place) => whole[place]!)
        : encode(step, target, { image, places });
      const got = predict(step, under(state, "predictor."), {
        context: seen,
        contextPlaces,
        places,
      });
      got.forEach((row, i) => {
        const rowWanted = normalised(wanted[i]!, 1e-5);
        row.forEach((value, d) => {
          const error = Math.abs(value - rowWanted[d]!);
          total += error < 1 ? error * error / 2 : error - 0.5;
          count++;
        });
      });
    }
  }
  return total / count;
}

/** What an encoder of the state makes of a whole image, [N D]; for comparisons of finished encoders. */
export function encodeImage(step: Step, state: Values, prefix: string, image: number): number[] {
  const places = Array.from({ length: (step.side / step.patch) ** 2 }, (_, place) => place);
  return encode(step, under(state, prefix), { image, places }).flat();
}

/** The central difference of the loss along one value of a trained tensor; good to 1e-8. */
export function derivative(step: Step, state: Values, name: string, index: number): number {
  const delta = 1e-5, values = state[name]!, before = values[index]!;
  const at = (value: number) => {
    values[index] = value;
    return lossOf(step, state);
  };
  const slope = (at(before + delta) - at(before - delta)) / (2 * delta);
  values[index] = before;
  return slope;
}
