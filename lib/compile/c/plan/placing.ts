/**
 * Chooses where results are written so that nothing is copied afterwards: a product writes into the rows that heads are
 * merged into, a gradient into the memory that holds it between runs.
 */

import { makersOf, type Node, type Value } from "../../graph/graph.ts";
import type { Length } from "../../graph/length.ts";
import {
  isContiguous,
  type Layout,
  reshape,
  slice,
  sliceAll,
  tiles,
  untranspose,
} from "./layout.ts";
import type { CProgram } from "../compile.ts";
import { newPlace, type Place } from "./arena.ts";

/** The places that were chosen, by the id of the value. */
export type Placing = ReadonlyMap<number, Place>;

/** What is known of lengths and inputs. */
export interface PlacingContext {
  readonly carried: readonly string[];
  /** Places of inputs and constants. */
  readonly places: ReadonlyMap<number, Place>;
  shape(value: Value): number[];
  numbers(lengths: readonly Length[]): number[];
}

/** Whether a matrix product can write its matrices so: rows and columns with one step each, columns without gaps. */
function isWritable({ axes }: Layout): boolean {
  const [rows, columns] = axes.slice(-2);
  const [column] = columns!;
  return rows!.length <= 1 && columns!.length <= 1 && (column?.stride ?? 1) === 1 &&
    axes.slice(0, -2).flat().length <= 3;
}

class Chooser {
  readonly placing = new Map<number, Place>();
  readonly #program: CProgram;
  readonly #context: PlacingContext;
  readonly #makers: ReadonlyMap<number, Node>;
  readonly #readers = new Map<number, number>();

  constructor(program: CProgram, context: PlacingContext) {
    this.#program = program;
    this.#context = context;
    this.#makers = makersOf(program.graph);
    const read = ({ id }: Value) => this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1);
    for (const unit of program.units) {
      const kernel = program.kernels.get(unit);
      for (const argument of kernel?.arguments ?? []) {
        if ("value" in argument && !argument.written) read(argument.value);
      }
      const [node] = unit.nodes;
      if (!unit.fused && this.#isNeeded(node!)) node!.inputs.forEach(read);
    }
    for (const value of program.graph.outputs.values()) read(value);
  }

  #isNeeded(node: Node): boolean {
    return node.outputs.some((value) => this.#program.kept.isNeeded(value));
  }

  choose(): Placing {
    const { graph, units } = this.#program;
    for (const name of this.#context.carried) {
      if (!this.#mayOverwrite(name)) continue;
      this.#assign(graph.outputs.get(name)!, this.#context.places.get(graph.inputs.get(name)!.id)!);
    }
    for (const { nodes: [node], fused } of units.toReversed()) {
      if (fused || !["Reshape", "Transpose", "Concat", "PadV2"].includes(node!.op)) continue;
      const [output] = node!.outputs;
      if (!this.#isNeeded(node!) || this.placing.has(output!.id)) continue;
      this.#assign(output!, newPlace(this.#context.shape(output!)));
    }
    return this.placing;
  }

  /** Whether the new value of a carried tensor may overwrite the old one: no later unit reads the old one. */
  #mayOverwrite(name: string): boolean {
    const { graph, units, kernels } = this.#program;
    const before = graph.inputs.get(name)!, after = graph.outputs.get(name)!;
    const maker = this.#makers.get(this.#program.kept.source(after).id);
    const home = units.findIndex(({ nodes }) => maker !== undefined && nodes.includes(maker));
    return home >= 0 && units.every((unit, index) => {
      const kernel = kernels.get(unit);
      const reads = unit.fused
        ? kernel?.arguments.some((each) =>
          "value" in each && !each.written && each.value.id === before.id
        )
        : unit.nodes[0]!.inputs.some(({ id }) => id === before.id);
      if (!reads) return true;
      return unit.fused && (index < home || (index === home && kernel!.singlePass));
    });
  }

  /** Has a value written to a place, and what it is a view of; @returns whether that can be */
  #assign(value: Value, place: Place): boolean {
    const node = this.#makers.get(value.id);
    const shared = (this.#readers.get(value.id) ?? 0) > 1;
    if (node === undefined || this.placing.has(value.id)) return false;
    if (shared && !isContiguous(place.layout)) return false;
    if (!this.#canMake(node, place)) return false;
    this.placing.set(value.id, place);
    return true;
  }

  #canMake(node: Node, { buffer, layout }: Place): boolean {
    const [input] = node.inputs;
    const assignPart = (part: Layout | undefined, of: Value) =>
      part !== undefined && this.#assign(of, { buffer, layout: part });
    switch (node.op) {
      case "BatchMatMul":
        return isWritable(layout);
      case "Reshape":
      case "ExpandDims":
        return assignPart(reshape(layout, this.#context.shape(input!)), input!);
      case "Transpose":
        return assignPart(untranspose(layout, node.attributes.perm), input!);
      case "PadV2": {
        const begin = this.#context.numbers(node.attributes.paddings.map(([before]) => before));
        assignPart(sliceAll(layout, begin, this.#context.shape(input!)), input!);
        return true;
      }
      case "Tile":
        return tiles(
          layout,
          this.#context.shape(input!),
          this.#context.numbers(node.attributes.reps),
        )
          .every((part) => part !== undefined);
      case "Concat": {
        const { axis } = node.attributes;
        let begin = 0;
        const parts = node.inputs.map((each) => {
          const size = this.#context.shape(each)[axis]!;
          const part = slice(layout, axis, { begin, size });
          begin += size;
          return part;
        });
        if (parts.includes(undefined)) return false;
        node.inputs.forEach((each, i) => assignPart(parts[i], each));
        return true;
      }
      default:
        return this.#program.kept.maker(node.outputs[0]!) === node &&
          this.#isFused(node) && isContiguous(layout);
    }
  }

  #isFused(node: Node): boolean {
    return this.#program.units.some((unit) => unit.fused && unit.nodes.includes(node));
  }
}

/** Decides where results are written. */
export function choosePlaces(program: CProgram, context: PlacingContext): Placing {
  return new Chooser(program, context).choose();
}
