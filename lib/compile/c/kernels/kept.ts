/**
 * Which results of fused units are kept in memory, and which are computed again by each unit that needs them: what
 * follows element by element from one tensor costs less to compute than to write and read.
 */

import {
  type Graph,
  isElementwise,
  isReshape,
  makersOf,
  type Node,
  type Value,
} from "../../graph/graph.ts";
import { sameLength } from "../../graph/length.ts";
import type { Unit } from "./units.ts";
import { columnsOf, rowsOf, sourceOf } from "../../graph/rows.ts";

/** Decides for the fused units of a graph. */
export class KeptValues {
  readonly #makers: ReadonlyMap<number, Node>;
  readonly #unitOf = new Map<Node, Unit>();
  readonly #kept = new Set<number>();
  /** Values that operations other than fused ones need, or that are results. */
  readonly #needed = new Set<number>();
  /** The kept tensors of full size that a value follows from. */
  readonly #bases = new Map<number, ReadonlySet<number>>();

  constructor(graph: Graph, units: readonly Unit[]) {
    this.#makers = makersOf(graph);
    for (const unit of units) for (const node of unit.nodes) this.#unitOf.set(node, unit);
    for (const value of graph.outputs.values()) this.#need(value);
    for (const { fused, nodes: [node] } of units) {
      if (!fused && !isReshape(node!)) node!.inputs.forEach((value) => this.#need(value));
    }
    for (const { fused, nodes } of units) {
      if (fused) {
        for (const { inputs } of nodes) inputs.forEach((value) => this.#needOutside(value));
      }
    }
    this.#decide(graph);
    // What is computed again may need values per row of another unit, which may need more in turn.
    for (let before = -1; before !== this.#kept.size;) {
      before = this.#kept.size;
      for (const unit of units) if (unit.fused) this.#keepForeignRows(unit);
    }
  }

  #need(value: Value): void {
    if (this.#needed.has(value.id)) return;
    this.#needed.add(value.id);
    const maker = this.#makers.get(value.id);
    if (maker && isReshape(maker)) this.#need(maker.inputs[0]!);
    else if (maker && this.#unitOf.get(maker)!.fused) this.#kept.add(value.id);
  }

  /** What a kernel reads that no kernel makes. */
  #needOutside(operand: Value): void {
    const value = sourceOf(operand, this.#makers);
    const maker = this.#makers.get(value.id);
    if (maker && !this.#unitOf.get(maker)!.fused) this.#need(value);
  }

  /** Whether an operation other than a fused one needs a value, or a result is it. */
  isNeeded(value: Value): boolean {
    return this.#needed.has(value.id);
  }

  #decide({ nodes }: Graph): void {
    const uses = new Map<number, { node: Node; as: Value }[]>();
    for (const node of nodes) {
      if (!this.#unitOf.get(node)!.fused) continue;
      for (const as of node.inputs) {
        const { id } = sourceOf(as, this.#makers);
        uses.set(id, [...uses.get(id) ?? [], { node, as }]);
      }
    }
    for (const node of nodes) {
      const unit = this.#unitOf.get(node)!;
      if (!unit.fused) continue;
      const [value] = node.outputs;
      const bases = this.#basesOf(node);
      this.#bases.set(value!.id, bases);
      const foreign = (uses.get(value!.id) ?? []).filter((use) =>
        this.#unitOf.get(use.node) !== unit
      );
      const again = isElementwise(node) && bases.size <= 1 &&
        foreign.every(({ node, as }) => isWhole(value!, this.#unitOf.get(node)!, { node, as }));
      if (foreign.length > 0 && !again) this.#kept.add(value!.id);
    }
  }

  #basesOf(node: Node): ReadonlySet<number> {
    const bases = new Set<number>();
    for (const operand of node.inputs) {
      const value = sourceOf(operand, this.#makers);
      if (!sameLength(rowsOf(value), rowsOf(node.outputs[0]!)) || value.shape.length === 0) {
        continue;
      }
      if (!sameLength(columnsOf(value), columnsOf(node.outputs[0]!))) continue;
      const own = this.#kept.has(value.id) ? undefined : this.#bases.get(value.id);
      for (const id of own ?? [value.id]) bases.add(id);
    }
    return bases;
  }

  /** Whether a unit computes a value itself. */
  computes(unit: Unit, value: Value): boolean {
    const maker = this.#makers.get(value.id);
    if (maker === undefined) return false;
    const home = this.#unitOf.get(maker)!;
    return home === unit || (home.fused && !this.#kept.has(value.id));
  }

  /** The node that makes a value, and what reshapes a value was made of. */
  maker(value: Value): Node | undefined {
    return this.#makers.get(value.id);
  }

  source(value: Value): Value {
    return sourceOf(value, this.#makers);
  }

  /** The values that a unit makes for others. */
  resultsOf(unit: Unit): readonly Value[] {
    return unit.nodes.flatMap(({ outputs }) => outputs).filter(({ id }) => this.#kept.has(id));
  }

  #keepForeignRows(unit: Unit): void {
    const seen = new Set<number>();
    const visit = (value: Value): void => {
      if (seen.has(value.id) || !this.computes(unit, value)) return;
      seen.add(value.id);
      const maker = this.#makers.get(value.id)!;
      const foreign = this.#unitOf.get(maker) !== unit;
      const whole = sameLength(columnsOf(value), unit.columns) && isElementwise(maker);
      if (foreign && !whole) {
        this.#kept.add(value.id);
        return;
      }
      for (const operand of maker.inputs) visit(sourceOf(operand, this.#makers));
    };
    for (const result of this.resultsOf(unit)) visit(result);
  }
}

/** Whether a use goes over a value element by element, on the rows and columns of the value. */
function isWhole(value: Value, unit: Unit, { node, as }: { node: Node; as: Value }): boolean {
  const over = isElementwise(node) ? node.outputs[0]! : as;
  return sameLength(rowsOf(value), unit.rows) && sameLength(columnsOf(value), unit.columns) &&
    sameLength(rowsOf(as), rowsOf(over)) && sameLength(columnsOf(as), columnsOf(over));
}
