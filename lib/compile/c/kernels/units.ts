/**
 * Which operations run together: those that work element by element or row by row on tensors of the same rows and
 * columns become one kernel, which goes over the rows once.
 */

import { type Graph, isElementwise, makersOf, type Node, type Value } from "../../graph/graph.ts";
import { type Length, printLength } from "../../graph/length.ts";
import { IndexSet } from "./index_set.ts";
import { columnsOf, reducesRows, rowsOf, sourceOf, sumsColumns } from "../../graph/rows.ts";

/** Nodes that run as one: fusible ones, or a single one of another kind. */
export interface Unit {
  readonly nodes: readonly Node[];
  readonly fused: boolean;
  /** Of a fused unit. */
  readonly rows: Length;
  readonly columns: Length;
}

/** A unit while it grows. */
interface Draft {
  readonly index: number;
  readonly nodes: Node[];
  readonly fused: boolean;
  readonly rows: Length;
  columns: Length;
  /** Indices of the drafts that must run before. */
  readonly before: IndexSet;
}

/** Whether a node can be part of a fused kernel. */
function isFusible(node: Node): boolean {
  return isElementwise(node) || reducesRows(node) || sumsColumns(node);
}

/** How far back a unit that reads the same tensors may lie; farther ones would keep tensors alive for long. */
const NEIGHBOURS = 24;

/** Rows and columns that a fusible node goes over. */
function spaceOf(node: Node): { rows: Length; columns: Length } {
  const over = reducesRows(node) || sumsColumns(node) ? node.inputs[0]! : node.outputs[0]!;
  return { rows: rowsOf(over), columns: columnsOf(over) };
}

/**
 * The latest first, which keeps the fewest tensors alive. Units that need nothing computed come after those, and of them
 * the earliest first: what is done to a parameter, its gradient and its moments waits in one unit.
 */
function byPreference(a: Draft, b: Draft): number {
  const late = (draft: Draft) => !draft.before.isEmpty;
  if (late(a) !== late(b)) return late(a) ? -1 : 1;
  return late(a) ? b.index - a.index : a.index - b.index;
}

class Grouping {
  readonly #makers: ReadonlyMap<number, Node>;
  readonly #drafts: Draft[] = [];
  readonly #draftOf = new Map<Node, Draft>();
  readonly #nodes: number;

  constructor(graph: Graph) {
    this.#makers = makersOf(graph);
    this.#nodes = graph.nodes.length;
    for (const node of graph.nodes) this.#place(node);
  }

  #draftThatMakes(value: Value): Draft | undefined {
    const maker = this.#makers.get(value.id);
    return maker && this.#draftOf.get(maker);
  }

  #place(node: Node): void {
    const fused = isFusible(node);
    // Kernels read the rows that a reshape was made of.
    const operands = fused
      ? node.inputs.map((value) => sourceOf(value, this.#makers))
      : node.inputs;
    const suppliers = new Set(
      operands.map((value) => this.#draftThatMakes(value)).filter((draft) => draft !== undefined),
    );
    const draft = fused
      ? this.#candidates(node).find((each) => this.#fits(node, each, suppliers))
      : undefined;
    if (draft === undefined) {
      const { rows, columns } = fused ? spaceOf(node) : { rows: 1, columns: 1 };
      const before = new IndexSet(this.#nodes);
      for (const supplier of suppliers) this.#follow(before, supplier);
      const fresh = { index: this.#drafts.length, nodes: [node], fused, rows, columns, before };
      this.#drafts.push(fresh);
      this.#draftOf.set(node, fresh);
      return;
    }
    draft.nodes.push(node);
    this.#draftOf.set(node, draft);
    if (draft.columns === 1) draft.columns = spaceOf(node).columns;
    const added = new IndexSet(this.#nodes);
    for (const supplier of suppliers) if (supplier !== draft) this.#follow(added, supplier);
    for (const each of this.#drafts) {
      if (each !== draft && !each.before.has(draft.index)) continue;
      each.before.addAll(added);
    }
  }

  #follow(before: IndexSet, supplier: Draft): void {
    before.add(supplier.index);
    before.addAll(supplier.before);
  }

  /** Units that a node could join: those that make its operands, then those that read the same ones, the latest first. */
  #candidates(node: Node): readonly Draft[] {
    const sources = node.inputs.map((value) => sourceOf(value, this.#makers));
    const makers = sources.map((value) => this.#draftThatMakes(value))
      .filter((draft) => draft !== undefined && draft.fused)
      // What is computed again must not join those that computed it first.
      .filter((draft) => !node.again || this.#isNear(draft!)) as Draft[];
    const read = new Set(sources.filter(({ shape }) => shape.length > 1).map(({ id }) => id));
    const readers = this.#drafts.slice(-NEIGHBOURS).filter((draft) =>
      draft.fused &&
      draft.nodes.some(({ inputs }) =>
        inputs.some((value) => read.has(sourceOf(value, this.#makers).id))
      )
    );
    return [...new Set([...makers.toSorted(byPreference), ...readers.toSorted(byPreference)])];
  }

  #isNear({ index }: Draft): boolean {
    return index >= this.#drafts.length - NEIGHBOURS;
  }

  #fits(node: Node, draft: Draft, suppliers: ReadonlySet<Draft>): boolean {
    const { rows, columns } = spaceOf(node);
    if (printLength(rows) !== printLength(draft.rows)) return false;
    const same = printLength(columns) === printLength(draft.columns);
    // One value per row goes with rows of any length.
    const perRow = columns === 1 && !reducesRows(node) && !sumsColumns(node) &&
      node.outputs[0]!.shape.length > 1;
    if (!same && !perRow) return false;
    for (const supplier of suppliers) {
      if (supplier !== draft && supplier.before.has(draft.index)) return false;
    }
    return node.inputs.every((value) => {
      const maker = this.#makers.get(sourceOf(value, this.#makers).id);
      // A column sum is known when all rows are done.
      return maker === undefined || this.#draftOf.get(maker) !== draft || !sumsColumns(maker);
    });
  }

  /** The units, each after those whose results it needs; otherwise in the order of their first nodes. */
  ordered(): readonly Unit[] {
    const done = new IndexSet(this.#nodes);
    const open = [...this.#drafts];
    const units: Unit[] = [];
    while (open.length > 0) {
      const next = open.findIndex(({ before }) => before.isWithin(done));
      const [draft] = open.splice(next, 1);
      done.add(draft!.index);
      units.push(draft!);
    }
    return units;
  }
}

/** Groups the nodes of a graph. */
export function groupNodes(graph: Graph): readonly Unit[] {
  return new Grouping(graph).ordered();
}
