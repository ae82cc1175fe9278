/** From units and known lengths to calls of kernels. */

import type { Graph, Node, Value } from "../graph.ts";
import { type Bindings, evaluate, type Length } from "../length.ts";
import { groupNodes, type Unit } from "./groups.ts";
import { type FusedKernel, writeKernel } from "./kernel_source.ts";
import { Keeping } from "./kept.ts";
import {
  contiguous,
  type Factor,
  isContiguous,
  type Layout,
  refine,
  reshape,
  slice,
  sliceAll,
  transpose,
} from "./layout.ts";
import { expandSoftmax } from "./operations.ts";
import { choosePlaces, type Placing } from "./placing.ts";
import { type Address, addressOf, arrange, type Arena, type Block, type Lifetime, newPlace, type Place } from "./storage.ts";

/** Kernels that every program uses, in the order of the table in kernels.c. */
export const KERNEL_NAMES = [
  "matrix_products",
  "copy_elements",
  "fill_elements",
  "gather_rows",
  "reduce_middle",
] as const;

export type KernelName = typeof KERNEL_NAMES[number];

/** A call of a kernel. */
export interface Call {
  /** One of every program's, or a number among the program's own. */
  readonly kernel: KernelName | number;
  /** Numbers, and where tensors lie. */
  readonly arguments: readonly (number | Address)[];
  /** Rows or matrices to work on. */
  readonly count: number;
  /** Whether one thread must do all. */
  readonly serial: boolean;
  readonly reads: readonly Block[];
  readonly writes: readonly Block[];
}

/** A program whose units are known; its lengths may not be. */
export interface NativeProgram {
  readonly graph: Graph;
  readonly units: readonly Unit[];
  readonly keeping: Keeping;
  /** For each unit its number in `bodies` and what it is told. */
  readonly kernels: ReadonlyMap<Unit, FusedKernel & { readonly index: number }>;
  /** The functions of the program's own kernels. */
  readonly bodies: readonly string[];
}

/** Groups a graph and writes its kernels; units that do the same share one. */
export function compileNative(given: Graph): NativeProgram {
  const graph = expandSoftmax(given);
  const units = groupNodes(graph);
  const keeping = new Keeping(graph, units);
  const constants = new Map(graph.constants.map((each) => [each.value.id, each]));
  const numbers = new Map<string, number>();
  const kernels = new Map<Unit, FusedKernel & { readonly index: number }>();
  for (const unit of units) {
    const kernel = unit.fused ? writeKernel(unit, keeping, constants) : undefined;
    if (kernel === undefined) continue;
    const index = numbers.get(kernel.body) ?? numbers.size;
    numbers.set(kernel.body, index);
    kernels.set(unit, { ...kernel, index });
  }
  return { graph, units, keeping, kernels, bodies: [...numbers.keys()] };
}

/** What runs for some lengths, and the memory that it takes. */
export interface Plan {
  readonly calls: readonly Call[];
  readonly arena: Arena;
  /** Where fed inputs lie. */
  readonly feeds: ReadonlyMap<string, Address>;
  /** Where results lie that are not carried, and their shapes. */
  readonly results: ReadonlyMap<string, { readonly address: Address; readonly value: Value }>;
}

/** Which inputs and outputs have memory of their own, by name. */
export interface Ownership {
  /** Inputs that stay in the runtime; memory `input NAME`. */
  readonly resident: readonly string[];
  /** Among those, the ones that are also outputs. */
  readonly carried: readonly string[];
}

const AXES_OF_COPY = 6, AXES_OF_BATCH = 3;
const REDUCTIONS: Readonly<Record<string, number>> = { Sum: 0, Mean: 1, Max: 2 };

class Lowering {
  readonly #program: NativeProgram;
  readonly #bindings: Bindings;
  readonly #placing: Placing;
  readonly #places = new Map<number, Place>();
  readonly #copies = new Map<number, Place>();
  readonly #calls: Call[] = [];
  readonly #ownership: Ownership;

  constructor(program: NativeProgram, bindings: Bindings, ownership: Ownership) {
    this.#program = program;
    this.#bindings = bindings;
    this.#ownership = ownership;
    const { graph } = program;
    for (const [name, value] of graph.inputs) {
      const fixed = ownership.resident.includes(name) ? `input ${name}` : undefined;
      this.#places.set(value.id, newPlace(this.#shape(value), fixed));
    }
    for (const { value } of graph.constants) {
      this.#places.set(value.id, newPlace(this.#shape(value), `constant ${value.id}`));
    }
    this.#placing = choosePlaces(program, {
      carried: ownership.carried,
      places: this.#places,
      shape: (value) => this.#shape(value),
      numbers: (attribute) => this.#numbers(attribute),
    });
  }

  run(): Plan {
    const { graph, units, keeping, kernels } = this.#program;
    for (const unit of units) {
      const kernel = kernels.get(unit);
      if (kernel) this.#fused(kernel);
      else if (!unit.fused && unit.nodes[0]!.outputs.some((value) => keeping.isNeeded(value))) {
        this.#lower(unit.nodes[0]!);
      }
    }
    const results = new Map<string, { address: Address; value: Value }>();
    for (const [name, value] of graph.outputs) {
      const place = this.#contiguous(value);
      if (this.#ownership.carried.includes(name)) {
        const home = this.#places.get(graph.inputs.get(name)!.id)!;
        if (place.block !== home.block) this.#copy(place, home, this.#shape(value));
      } else results.set(name, { address: addressOf(place), value });
    }
    const lifetimes = this.#lifetimes();
    const feeds = new Map<string, Address>();
    for (const [name, value] of graph.inputs) {
      const place = this.#places.get(value.id)!;
      if (place.block.fixed !== undefined) continue;
      feeds.set(name, addressOf(place));
      const lifetime = lifetimes.get(place.block) ?? { first: -1, last: -1 };
      lifetimes.set(place.block, { ...lifetime, first: -1 });
    }
    for (const { address: { block } } of results.values()) {
      const lifetime = lifetimes.get(block) ?? { first: -1, last: -1 };
      lifetimes.set(block, { ...lifetime, last: this.#calls.length });
    }
    return { calls: this.#calls, arena: arrange(lifetimes), feeds, results };
  }

  #lifetimes(): Map<Block, Lifetime> {
    const lifetimes = new Map<Block, Lifetime>();
    this.#calls.forEach(({ reads, writes }, index) => {
      for (const block of [...reads, ...writes]) {
        const lifetime = lifetimes.get(block);
        if (lifetime) lifetime.last = index;
        else lifetimes.set(block, { first: index, last: index });
      }
    });
    return lifetimes;
  }

  #number(length: Length): number {
    return evaluate(length, this.#bindings);
  }

  #numbers(attribute: unknown): number[] {
    return (attribute as readonly Length[]).map((length) => this.#number(length));
  }

  #shape({ shape }: Value): number[] {
    return shape.map((length) => this.#number(length));
  }

  #place(value: Value): Place {
    const place = this.#places.get(value.id);
    if (place === undefined) throw new TypeError(`value %${value.id} is used before it is made`);
    return place;
  }

  /** Where a value is written: where somebody wants it, or in a block of its own. */
  #newPlace(value: Value): Place {
    const place = this.#placing.get(value.id) ?? newPlace(this.#shape(value));
    this.#places.set(value.id, place);
    return place;
  }

  /** A place of a value without gaps; a copy where it has none. */
  #contiguous(value: Value): Place {
    const place = this.#place(value);
    if (isContiguous(place.layout)) return place;
    const known = this.#copies.get(value.id);
    if (known) return known;
    const copy = newPlace(this.#shape(value));
    this.#copy(place, copy, this.#shape(value));
    this.#copies.set(value.id, copy);
    return copy;
  }

  #call(call: Omit<Call, "serial"> & { readonly serial?: boolean }): void {
    this.#calls.push({ serial: false, ...call });
  }

  #fused({ index, arguments: given, rows, serial }: FusedKernel & { readonly index: number }): void {
    const reads: Block[] = [], writes: Block[] = [];
    const args = given.map((argument) => {
      if ("length" in argument) return this.#number(argument.length);
      const { value, written } = argument;
      const place = written ? this.#newPlace(value) : this.#contiguous(value);
      (written ? writes : reads).push(place.block);
      return addressOf(place);
    });
    this.#call({ kernel: index, arguments: args, count: this.#number(rows), serial, reads, writes });
  }

  #copy(from: Place, to: Place, shape: readonly number[]): void {
    const same = refine([from.layout.axes.flat(), to.layout.axes.flat()]);
    if (same === undefined) throw new TypeError(`cannot copy a tensor of shape [${shape}]`);
    const [source, target] = joined(same as [Factor[], Factor[]]);
    if (source.length > AXES_OF_COPY) throw new TypeError(`cannot copy ${source.length} axes`);
    const axes = (factors: readonly Factor[], of: (factor: Factor) => number, none: number) => {
      const [first, ...rest] = factors.map(of);
      const padding = new Array<number>(AXES_OF_COPY - Math.max(1, factors.length)).fill(none);
      return [first ?? none, ...padding, ...rest];
    };
    // One axis: all of it is the innermost.
    const whole = source.length === 1 ? [{ extent: 1, stride: 0 }] : [];
    const [ins, outs] = [[...whole, ...source], [...whole, ...target]];
    this.#call({
      kernel: "copy_elements",
      arguments: [
        addressOf(from),
        addressOf(to),
        ...axes(ins, ({ extent }) => extent, 1),
        ...axes(ins, ({ stride }) => stride, 0),
        ...axes(outs, ({ stride }) => stride, 0),
      ],
      count: ins[0]?.extent ?? 1,
      reads: [from.block],
      writes: [to.block],
    });
  }

  #fill(to: Place, value: number): void {
    const factors = joined([to.layout.axes.flat(), to.layout.axes.flat()])[0];
    if (factors.length > AXES_OF_COPY) throw new TypeError(`cannot fill ${factors.length} axes`);
    const padding = new Array<Factor>(AXES_OF_COPY - factors.length).fill({ extent: 1, stride: 0 });
    const all = [...padding, ...factors];
    this.#call({
      kernel: "fill_elements",
      arguments: [
        addressOf(to),
        ...all.map(({ extent }) => extent),
        ...all.map(({ stride }) => stride),
        floatBits(value),
      ],
      count: all[0]!.extent,
      reads: [],
      writes: [to.block],
    });
  }

  #lower(node: Node): void {
    const { op, inputs, outputs, attributes } = node;
    const [input] = inputs, [output] = outputs;
    switch (op) {
      case "Reshape":
      case "ExpandDims":
        return this.#move(node, (layout) => reshape(layout, this.#shape(output!)));
      case "Transpose":
        return this.#move(node, (layout) => transpose(layout, this.#numbers(attributes["perm"])));
      case "Slice": {
        const begin = this.#numbers(attributes["begin"]), size = this.#numbers(attributes["size"]);
        return this.#move(node, (layout) => sliceAll(layout, begin, size));
      }
      case "SplitV":
        return this.#split(node);
      case "Concat":
        return this.#concat(node);
      case "PadV2":
        return this.#pad(node);
      case "Tile":
        return this.#tile(node);
      case "Fill":
        return this.#fill(this.#newPlace(output!), attributes["value"] as number);
      case "GatherV2":
        return this.#gather(node);
      case "BatchMatMul":
        return this.#product(node);
      case "Sum":
      case "Mean":
      case "Max":
        return this.#reduce(node);
      default:
        throw new TypeError(
          `Cannot compile ${op} of %${input?.id} for this machine: it has no kernel, add one to lib/compile/native`,
        );
    }
  }

  /** A result that is another look at the operand, where nobody wants it elsewhere. */
  #move({ inputs: [input], outputs: [output] }: Node, look: (layout: Layout) => Layout | undefined): void {
    const from = this.#place(input!), wanted = this.#placing.get(output!.id);
    if (wanted && from.block === wanted.block) {
      // The operand was written where the result is wanted.
      this.#places.set(output!.id, wanted);
      return;
    }
    const layout = look(from.layout);
    const place = layout
      ? { block: from.block, layout }
      : viewOf(this.#contiguous(input!), look);
    if (wanted === undefined) {
      this.#places.set(output!.id, place);
      return;
    }
    this.#copy(place, wanted, this.#shape(output!));
    this.#places.set(output!.id, wanted);
  }

  #split({ inputs: [input], outputs, attributes }: Node): void {
    const axis = this.#number(attributes["axis"] as Length);
    let begin = 0;
    for (const [i, size] of this.#numbers(attributes["sizes"]).entries()) {
      const at = begin;
      const look = (layout: Layout) => slice(layout, axis, { begin: at, size });
      const from = this.#place(input!), layout = look(from.layout);
      this.#places.set(
        outputs[i]!.id,
        layout ? { block: from.block, layout } : viewOf(this.#contiguous(input!), look),
      );
      begin += size;
    }
  }

  #concat({ inputs, outputs: [output], attributes }: Node): void {
    const axis = this.#number(attributes["axis"] as Length);
    const place = this.#newPlace(output!);
    let begin = 0;
    for (const input of inputs) {
      const shape = this.#shape(input), size = shape[axis]!;
      const layout = slice(place.layout, axis, { begin, size });
      if (layout === undefined) throw new TypeError("cannot join tensors inside of an axis");
      const from = this.#place(input);
      if (from.block !== place.block) this.#copy(from, { block: place.block, layout }, shape);
      begin += size;
    }
  }

  #pad({ inputs: [input], outputs: [output], attributes }: Node): void {
    const paddings = (attributes["paddings"] as readonly (readonly Length[])[])
      .map((pair) => this.#numbers(pair));
    const shape = this.#shape(input!), place = this.#newPlace(output!);
    const inner = sliceAll(place.layout, paddings.map(([before]) => before!), shape);
    if (inner === undefined) throw new TypeError("cannot pad inside of an axis");
    const whole = this.#shape(output!);
    paddings.forEach(([before, after], axis) => {
      const edges = [{ begin: 0, size: before! }, { begin: whole[axis]! - after!, size: after! }];
      for (const edge of edges.filter(({ size }) => size > 0)) {
        const layout = slice(place.layout, axis, edge);
        if (layout === undefined) throw new TypeError("cannot pad inside of an axis");
        this.#fill({ block: place.block, layout }, attributes["value"] as number);
      }
    });
    const from = this.#place(input!);
    if (from.block !== place.block) this.#copy(from, { block: place.block, layout: inner }, shape);
  }

  #tile({ inputs: [input], outputs: [output], attributes }: Node): void {
    const shape = this.#shape(input!), place = this.#newPlace(output!);
    const from = this.#place(input!);
    let starts: number[][] = [[]];
    for (const [axis, count] of this.#numbers(attributes["reps"]).entries()) {
      starts = starts.flatMap((start) =>
        Array.from({ length: count }, (_, i) => [...start, i * shape[axis]!])
      );
    }
    for (const start of starts) {
      const layout = sliceAll(place.layout, start, shape)!;
      this.#copy(from, { block: place.block, layout }, shape);
    }
  }

  #gather({ inputs: [table, indices], outputs: [output], attributes }: Node): void {
    const axis = this.#number(attributes["axis"] as Length);
    const shape = this.#shape(table!), count = sizeOf(this.#shape(indices!));
    const from = this.#contiguous(table!), at = this.#contiguous(indices!);
    const to = this.#newPlace(output!);
    const outer = sizeOf(shape.slice(0, axis)), inner = sizeOf(shape.slice(axis + 1));
    this.#call({
      kernel: "gather_rows",
      arguments: [addressOf(from), addressOf(at), addressOf(to), shape[axis]!, count, inner],
      count: outer * count,
      reads: [from.block, at.block],
      writes: [to.block],
    });
  }

  #reduce({ op, inputs: [input], outputs: [output], attributes }: Node): void {
    const axes = this.#numbers(attributes["axis"]), shape = this.#shape(input!);
    const first = axes[0]!, last = axes.at(-1)!;
    const together = last - first === axes.length - 1;
    // Axes that are apart are brought together at the end.
    const from = together ? this.#contiguous(input!) : this.#axesLast(input!, axes);
    const to = this.#newPlace(output!);
    const reduced = sizeOf(axes.map((axis) => shape[axis]!));
    const inner = together ? sizeOf(shape.slice(last + 1)) : 1;
    const outer = sizeOf(shape) / reduced / inner;
    this.#call({
      kernel: "reduce_middle",
      arguments: [addressOf(from), addressOf(to), reduced, inner, REDUCTIONS[op]!],
      count: outer,
      reads: [from.block],
      writes: [to.block],
    });
  }

  /** A copy of a value with some axes behind all others. */
  #axesLast(value: Value, axes: readonly number[]): Place {
    const all = value.shape.map((_, axis) => axis);
    const perm = [...all.filter((axis) => !axes.includes(axis)), ...axes];
    const { block, layout } = this.#place(value);
    const shape = perm.map((axis) => this.#shape(value)[axis]!);
    const copy = newPlace(shape);
    this.#copy({ block, layout: transpose(layout, perm) }, copy, shape);
    return copy;
  }

  #product({ inputs: [a, b, bias], outputs: [output], attributes }: Node): void {
    const left = this.#matrices(a!), right = this.#matrices(b!);
    const to = this.#newPlace(output!), shape = this.#shape(output!);
    const batch = shape.slice(0, -2);
    const lists = [left, right, to].map(({ layout }, i) => {
      const own = this.#shape([a!, b!, output!][i]!).slice(0, -2);
      // A single matrix is used for the whole batch.
      return sizeOf(own) === 1 && sizeOf(batch) > 1
        ? contiguous(batch).axes.flat().map(({ extent }) => ({ extent, stride: 0 }))
        : layout.axes.slice(0, -2).flat();
    });
    const factors = refine(lists)!;
    const padded = factors.map((list) => [
      ...new Array<Factor>(AXES_OF_BATCH - list.length).fill({ extent: 1, stride: 0 }),
      ...list,
    ]);
    const [m, n] = shape.slice(-2) as [number, number];
    const step = ({ layout }: Place, axis: -1 | -2) => layout.axes.at(axis)![0]?.stride ?? 1;
    const transposeA = attributes["transposeA"] === true;
    const transposeB = attributes["transposeB"] === true;
    const k = this.#shape(a!).at(transposeA ? -2 : -1)!;
    const added = bias && this.#contiguous(bias);
    this.#call({
      kernel: "matrix_products",
      arguments: [
        m,
        n,
        k,
        addressOf(left),
        step(left, transposeA ? -1 : -2),
        k === 1 ? 1 : step(left, transposeA ? -2 : -1),
        addressOf(right),
        step(right, transposeB ? -1 : -2),
        n === 1 ? 1 : step(right, transposeB ? -2 : -1),
        addressOf(to),
        step(to, -2),
        added ? addressOf(added) : 0,
        floatBits(attributes["scale"] as number | undefined ?? 1),
        ...padded[0]!.map(({ extent }) => extent),
        ...padded.flatMap((list) => list.map(({ stride }) => stride)),
      ],
      count: sizeOf(batch) > 1 ? sizeOf(batch) : m,
      reads: [left.block, right.block, ...added ? [added.block] : []],
      writes: [to.block],
    });
  }

  /** A place of matrices whose rows and columns have one step each. */
  #matrices(value: Value): Place {
    const place = this.#place(value);
    const plain = place.layout.axes.slice(-2).every((axis) => axis.length <= 1) &&
      place.layout.axes.slice(0, -2).flat().length <= AXES_OF_BATCH;
    return plain ? place : this.#contiguous(value);
  }
}

function viewOf({ block, layout }: Place, look: (layout: Layout) => Layout | undefined): Place {
  const seen = look(layout);
  if (seen === undefined) throw new TypeError("cannot look at a tensor without gaps that way");
  return { block, layout: seen };
}

/** Joins neighbouring factors where both layouts allow it. */
function joined([a, b]: readonly [readonly Factor[], readonly Factor[]]): [Factor[], Factor[]] {
  const left: Factor[] = [], right: Factor[] = [];
  a.forEach((factor, i) => {
    const other = b[i]!, last = left.at(-1), lastOther = right.at(-1);
    const follows = last && lastOther && last.stride === factor.extent * factor.stride &&
      lastOther.stride === other.extent * other.stride;
    if (follows) {
      const extent = last.extent * factor.extent;
      left[left.length - 1] = { extent, stride: factor.stride };
      right[right.length - 1] = { extent, stride: other.stride };
    } else {
      left.push(factor);
      right.push(other);
    }
  });
  return [left, right];
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** The calls of a program for some lengths. */
export function planNative(program: NativeProgram, bindings: Bindings, ownership: Ownership): Plan {
  return new Lowering(program, bindings, ownership).run();
}
