/** Checks that feature files can be probed, and belong together. */
import { basename } from "node:path";
import * as v from "valibot";
import { Failure, messageOf } from "../failure.ts";
import { shorten } from "../foreign_text.ts";
import { type Features, MOST_WIDTH } from "../formats/arrow.ts";
import { parseJson } from "../json.ts";

/** A feature file with the path that messages name. */
export interface NamedFeatures {
  readonly path: string;
  readonly features: Features;
}

/** Characters of a key in a warning. */
const LONGEST_KEY = 100;

/** Metadata that must be the same in training and test features. */
const SAME_METADATA = [
  "ijepa.encoder_sha256",
  "ijepa.encoder",
  "ijepa.beside_sha256",
  "ijepa.beside",
  "ijepa.layers",
  "ijepa.pool",
  "ijepa.preprocessing",
];

/**
 * Fails unless both files hold features of the same kind.
 *
 * @throws {Failure} `data`, naming the metadata key and both values
 */
export function expectSameKind(train: NamedFeatures, test: NamedFeatures): void {
  const kinds = SAME_METADATA.map((key) =>
    [key, train.features.metadata[key], test.features.metadata[key]] as const
  );
  const differing = kinds.find(([, a, b]) => a !== b) ??
    (train.features.width === test.features.width
      ? undefined
      : ["embedding width", `${train.features.width}`, `${test.features.width}`] as const);
  if (differing === undefined) return;
  const [key, a = "not recorded", b = "not recorded"] = differing;
  throw new Failure(
    "data",
    `Cannot probe: ${key} of "${train.path}" is ${a}, of "${test.path}" it is ${b}, ` +
      `make both with the same encoder and settings`,
  );
}

/**
 * Fails on a file without rows, with very wide embeddings, or with one that holds NaN or an infinity.
 *
 * @throws {Failure} `data`, naming row, key and column
 */
export function expectUsable({ path, features }: NamedFeatures): void {
  const { rows, width, embeddings, keys } = features;
  if (rows === 0) {
    throw new Failure(
      "data",
      `Cannot probe: "${path}" has no rows, make features of a split with images`,
    );
  }
  if (width > MOST_WIDTH) {
    throw new Failure(
      "data",
      `Cannot probe: "${path}" has embeddings of ${width} values, wanted at most ${MOST_WIDTH}, ` +
        "reduce them first",
    );
  }
  let place = 0; // A loop, since findIndex() takes three times as long on millions of values.
  while (place < embeddings.length && Number.isFinite(embeddings[place])) place++;
  if (place === embeddings.length) return;
  const row = Math.floor(place / width);
  throw new Failure(
    "data",
    `Cannot probe: "${path}" holds ${embeddings[place]} in row ${row} (key "${keys[row]}", ` +
      `embedding value ${place % width}), check the encoder that made it`,
  );
}

/** Tar files and their SHA-256, as the features stage records them. */
const SHARDS = v.record(v.string(), v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256")));

/** SHA-256 of the shards that features were made from; empty for features of another tool. */
function shardHashes({ path, features: { metadata } }: NamedFeatures): Set<string> {
  try {
    return new Set(Object.values(parseJson(metadata["ijepa.shards"] ?? "{}", SHARDS)));
  } catch (error) {
    throw new Failure(
      "data",
      `Cannot probe: the metadata ijepa.shards of "${path}" cannot be used: ${messageOf(error)}, ` +
        "make the features again",
      { cause: error },
    );
  }
}

/**
 * Fails when samples are in both files: same key, from shards that both files name (or that neither names).
 *
 * @returns how many keys are in both files although their shards differ, for a warning
 * @throws {Failure} `data`, naming how many samples overlap; or the metadata about shards are damaged
 */
export function expectDisjoint(train: NamedFeatures, test: NamedFeatures): number {
  const known = new Set(train.features.keys);
  const shared = test.features.keys.filter((key) => known.has(key));
  if (shared.length === 0) return 0;
  const trainShards = shardHashes(train), testShards = shardHashes(test);
  const sameShards = trainShards.size === 0 && testShards.size === 0 ||
    !trainShards.isDisjointFrom(testShards);
  if (!sameShards) return shared.length;
  throw new Failure(
    "data",
    `Cannot probe: ${shared.length} of the ${test.features.rows} samples of "${test.path}" are ` +
      `also in "${train.path}" (the first is "${shared[0]}"), give features of two splits`,
  );
}

/** A warning about duplicate keys within a file; empty without any. */
export function warningsOfRepeats({ path, features: { rows, keys } }: NamedFeatures): string[] {
  const known = new Set<string>();
  const first = keys.find((key) => known.size === known.add(key).size);
  if (first === undefined) return [];
  const repeats = rows - new Set(keys).size;
  return [
    `${repeats} of ${rows} rows of "${basename(path)}" have the key of another row (the first is "${
      shorten(first, LONGEST_KEY)
    }") and count as samples of their own`,
  ];
}
