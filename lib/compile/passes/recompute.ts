/**
 * Values that are needed once early and once late, and follow element by element from what is there late anyway: they
 * are computed a second time, so that they need no memory in between. In a training step these are the inputs of the
 * products of a block, which the backward pass needs for gradients of weights.
 */

import {
  type Graph,
  isElementwise,
  isReshape,
  makersOf,
  nextValueId,
  type Node,
  type Value,
} from "../graph/graph.ts";
import { columnsOf } from "../graph/rows.ts";

/** Nodes between two uses that make it worth while. */
const FAR = 100;

/** Nodes that are computed again for one value, at most. */
const MOST_NODES = 12;

/** Whether a value is not as large as most tensors: one number, or one per column or row. */
function isSmall(value: Value): boolean {
  return value.shape.length < 2 || columnsOf(value) === 1;
}

class Recomputer {
  readonly #graph: Graph;
  readonly #makers: ReadonlyMap<number, Node>;
  /** Positions of the nodes that use a value or a view of it, in order; views themselves do not count. */
  readonly #uses = new Map<number, number[]>();
  /** Positions up to which values are there: until their last use, or that of what is computed from them alone. */
  readonly #ends = new Map<number, number>();
  #nextId: number;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#makers = makersOf(graph);
    graph.nodes.forEach((node, position) => {
      if (!isReshape(node)) { for (const value of node.inputs) this.#use(value, position); }
    });
    for (const value of graph.outputs.values()) this.#use(value, graph.nodes.length);
    for (const [position, node] of [...graph.nodes.entries()].reverse()) this.#end(node, position);
    this.#nextId = nextValueId(graph);
  }

  #use(value: Value, position: number): void {
    const uses = this.#uses.get(value.id) ?? [];
    if (uses.at(-1) !== position) uses.push(position);
    this.#uses.set(value.id, uses);
    const maker = this.#makers.get(value.id);
    if (maker && isReshape(maker)) this.#use(maker.inputs[0]!, position);
  }

  #end(node: Node, position: number): void {
    const [output] = node.outputs;
    const whole = node.inputs.filter((value) => !isSmall(value));
    const follows = isReshape(node) || (isElementwise(node) && whole.length === 1);
    const after = follows ? this.#ends.get(output!.id) ?? 0 : 0;
    for (const { id } of node.inputs) {
      this.#ends.set(id, Math.max(this.#ends.get(id) ?? 0, isReshape(node) ? 0 : position, after));
    }
  }

  /** The first use after a long time without any. */
  #lateUse(value: Value): number | undefined {
    const uses = this.#uses.get(value.id) ?? [];
    return uses.find((position, i) => i > 0 && position - uses[i - 1]! > FAR);
  }

  /** Whether a value is in memory at a position anyway, or costs next to nothing to keep. */
  #isThere(value: Value, position: number): boolean {
    return isSmall(value) || !this.#makers.has(value.id) ||
      (this.#ends.get(value.id) ?? 0) > position;
  }

  /** The nodes that make a value from what is there at a position, each after those that it needs. */
  #chain(value: Value, position: number): readonly Node[] | undefined {
    const chain = new Set<Node>();
    const visit = (operand: Value): boolean => {
      if (operand !== value && this.#isThere(operand, position)) return true;
      const maker = this.#makers.get(operand.id);
      if (maker === undefined || !(isElementwise(maker) || isReshape(maker))) return false;
      if (chain.has(maker)) return true;
      if (chain.size >= MOST_NODES || !maker.inputs.every(visit)) return false;
      chain.add(maker);
      return true;
    };
    return visit(value) ? [...chain] : undefined;
  }

  rewrite(): Graph {
    const before = new Map<number, Node[]>();
    /** For nodes from a position on: what stands for a value. */
    const replaced = new Map<number, { readonly from: number; readonly by: Value }>();
    for (const node of this.#graph.nodes) {
      const [value] = node.outputs;
      if (!isElementwise(node) || value!.shape.length < 2) continue;
      const late = this.#lateUse(value!);
      const chain = late === undefined ? undefined : this.#chain(value!, late);
      if (late === undefined || chain === undefined) continue;
      const fresh = new Map<number, Value>();
      const copies = chain.map((each): Node => {
        const outputs = each.outputs.map((output) => {
          const copy = { ...output, id: this.#nextId++ };
          fresh.set(output.id, copy);
          return copy;
        });
        return {
          ...each,
          again: true,
          inputs: each.inputs.map((input) => fresh.get(input.id) ?? input),
          outputs,
        };
      });
      before.set(late, [...before.get(late) ?? [], ...copies]);
      replaced.set(value!.id, { from: late, by: fresh.get(value!.id)! });
      this.#replaceViews(value!, late, { before, replaced });
    }
    const nodes = this.#graph.nodes.flatMap((node, position) => {
      const inputs = node.inputs.map((input) => {
        const other = replaced.get(input.id);
        return other && position >= other.from && !isReshape(node) ? other.by : input;
      });
      return [...before.get(position) ?? [], { ...node, inputs }];
    });
    return { ...this.#graph, nodes };
  }

  /** Views of a value that late nodes use are taken of its copy. */
  #replaceViews(
    value: Value,
    late: number,
    { before, replaced }: {
      readonly before: Map<number, Node[]>;
      readonly replaced: Map<number, { readonly from: number; readonly by: Value }>;
    },
  ): void {
    for (const view of this.#graph.nodes) {
      if (!isReshape(view) || view.inputs[0]!.id !== value.id) continue;
      const [output] = view.outputs;
      if (!(this.#uses.get(output!.id) ?? []).some((use) => use >= late)) continue;
      const copy = { ...output!, id: this.#nextId++ };
      const inputs = [replaced.get(value.id)!.by];
      before.get(late)!.push({ ...view, again: true, inputs, outputs: [copy] });
      replaced.set(output!.id, { from: late, by: copy });
      this.#replaceViews(output!, late, { before, replaced });
    }
  }
}

/** Rewrites a graph so that what is cheap to compute is computed again rather than kept for long. */
export function recomputeLate(graph: Graph): Graph {
  return new Recomputer(graph).rewrite();
}
