/** Finds the networks in the tensor names of a file, whatever prefixes other programs have added. */
import type { TensorRecord } from "../tensor.ts";
import type { FoundTensor } from "./tables.ts";

/** The networks of a run. */
export type Network = "encoder" | "target_encoder" | "predictor";

/** Tensors of one network, by their name in it; with their names in the file for messages. */
export type Found = ReadonlyMap<string, FoundTensor>;

/** The tensors of a file, sorted. */
export interface SortedTensors {
  readonly networks: Readonly<Record<Network, Found>>;
  /** Parts removed from the names, such as `module.`. */
  readonly stripped: readonly string[];
  /** Names outside of all networks, such as those of a classifier. */
  readonly outside: readonly string[];
  /** Networks that occur more than once, with their prefixes. */
  readonly ambiguous: readonly string[];
}

/** Parts of names that training programs insert, at any position. */
const WRAPPERS = ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

const NETWORKS: readonly string[] = ["encoder", "target_encoder", "predictor"] satisfies Network[];

/** Tensors that every encoder and every predictor has: their prefix is that of the network. */
const ENCODER_ANCHORS = [
  "patch_embed.proj.weight",
  "blocks.0.norm1.weight",
  "embeddings.patch_embeddings.projection.weight",
  "encoder.layer.0.layernorm_before.weight",
];
const PREDICTOR_ANCHORS = ["predictor_embed.weight", "predictor_blocks.0.norm1.weight"];
const PREDICTOR_NAME = /^(predictor_|mask_token$)/;

/** The tensor that messages name when there is no encoder. */
export const WANTED_NAME = ENCODER_ANCHORS[0]!;

/** The prefix of a network in the names of a file. */
interface Root {
  readonly prefix: string;
  readonly network: Network;
}

function withoutWrappers(name: string): string {
  return name.split(".").filter((part) => !WRAPPERS.includes(part)).join(".");
}

/** The prefix of a name that ends with one of the anchors. */
function prefixBefore(anchors: readonly string[], name: string): string | undefined {
  const anchor = anchors.find((anchor) => name === anchor || name.endsWith(`.${anchor}`));
  return anchor === undefined ? undefined : name.slice(0, name.length - anchor.length);
}

function networkOf(prefix: string): Network {
  return (prefix.split(".").findLast((part) => NETWORKS.includes(part)) ?? "encoder") as Network;
}

function rootsOf(names: readonly string[]): Root[] {
  const roots = new Map<string, Root>();
  for (const name of names) {
    const encoder = prefixBefore(ENCODER_ANCHORS, name);
    const predictor = prefixBefore(PREDICTOR_ANCHORS, name);
    const prefix = encoder ?? predictor;
    if (prefix === undefined) continue;
    const network = encoder === undefined ? "predictor" : networkOf(prefix);
    roots.set(`${network} ${prefix}`, { prefix, network });
  }
  // The longest prefix first: the most exact one decides.
  return [...roots.values()].sort((a, b) => b.prefix.length - a.prefix.length);
}

/** The root of a name. An encoder and a predictor may have the same prefix, often an empty one. */
function rootOf(roots: readonly Root[], name: string): Root | undefined {
  const prefix = roots.find((root) => name.startsWith(root.prefix))?.prefix;
  if (prefix === undefined) return undefined;
  const those = roots.filter((root) => root.prefix === prefix);
  const isPredictor = PREDICTOR_NAME.test(name.slice(prefix.length));
  return those.find(({ network }) => (network === "predictor") === isPredictor) ?? those[0];
}

/** Whether a name contains that of a network of a run. */
function namesNetwork(name: string): boolean {
  return name.split(".").some((part) => NETWORKS.includes(part));
}

function ambiguitiesOf(roots: readonly Root[]): string[] {
  return NETWORKS.flatMap((network) => {
    const prefixes = roots.filter((root) => root.network === network).map(({ prefix }) => prefix);
    if (prefixes.length < 2) return [];
    const places = prefixes.map((prefix) => JSON.stringify(prefix)).join(" and ");
    return [`several tensors for the ${network.replace("_", " ")}, under ${places}`];
  });
}

/**
 * Sorts tensors by network. The common prefix of a network's names is stripped; `encoder`, `target_encoder` or
 * `predictor` in it identifies the network, which is an encoder otherwise.
 */
export function sortByNetwork(tensors: TensorRecord): SortedTensors {
  const networks = {
    encoder: new Map<string, FoundTensor>(),
    target_encoder: new Map<string, FoundTensor>(),
    predictor: new Map<string, FoundTensor>(),
  };
  const bare = new Map(Object.keys(tensors).map((shown) => [shown, withoutWrappers(shown)]));
  const roots = rootsOf([...bare.values()]);
  const stripped = new Set<string>(), outside: string[] = [];
  for (const [shown, tensor] of Object.entries(tensors)) {
    const name = bare.get(shown)!;
    const root = rootOf(roots, name);
    if (root === undefined && !namesNetwork(name)) {
      outside.push(shown);
      continue;
    }
    const network = networks[root?.network ?? networkOf(name)];
    const rest = root === undefined ? shown : name.slice(root.prefix.length);
    // Two tensors of one name: the second keeps its full name, which fits nothing.
    network.set(network.has(rest) ? shown : rest, { tensor, shown });
    for (const part of shown.split(".")) if (WRAPPERS.includes(part)) stripped.add(`${part}.`);
    const around = (root?.prefix ?? "").split(".").filter((part) => !NETWORKS.includes(part));
    if (around.length > 1) stripped.add(around.join("."));
  }
  return { networks, stripped: [...stripped], outside, ambiguous: ambiguitiesOf(roots) };
}

const NAMES_SHOWN = 3;

/** Some names of many. */
export function someOf(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** A summary of the names of a file. */
export function describeNames(names: readonly string[]): string {
  if (names.length === 0) return "it holds no weights";
  const [first, ...others] = names.map((name) => name.split("."));
  let shared = 0;
  while (
    shared < first!.length - 1 && others.every((parts) => parts[shared] === first![shared])
  ) shared++;
  const prefix = first!.slice(0, shared).join(".");
  const begin = prefix === "" ? "are" : `begin with "${prefix}.":`;
  return `its names ${begin} ${someOf(names)}`;
}
