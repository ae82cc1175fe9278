/** The calls of a plan, and their builder: it records where each value lies, and copies what must be contiguous. */

import type { Value } from "../../graph/graph.ts";
import { type Bindings, evaluate, type Length } from "../../graph/length.ts";
import {
  argumentsInOrder,
  type ArgumentsOf,
  COPY_AXES,
  floatBits,
  type FunctionName,
} from "../library.ts";
import { contiguous, type Factor, isContiguous, type Layout, refine } from "./layout.ts";
import { type Address, addressOf, type Buffer, newPlace, type Place } from "./arena.ts";

/** A call of a kernel. */
export interface Call {
  /** A function of the library, or the index of a kernel of the program's own. */
  readonly kernel: FunctionName | number;
  /** Numbers, and addresses of tensors. */
  readonly arguments: readonly (number | Address)[];
  /** Rows or matrices to work on. */
  readonly count: number;
  /** Whether one thread must do all. */
  readonly serial: boolean;
  readonly reads: readonly Buffer[];
  readonly writes: readonly Buffer[];
  /** For a buffer that is written, those that are read and may be overwritten by it if no later call reads them. */
  readonly inPlace: ReadonlyMap<Buffer, readonly Buffer[]>;
}

/** Builds the calls of a plan. */
export class PlanBuilder {
  readonly calls: Call[] = [];
  /** The place of each value, by its id. */
  readonly places = new Map<number, Place>();
  /** Places chosen beforehand: see {@link choosePlaces}. */
  placing: ReadonlyMap<number, Place> = new Map();
  /** Contiguous copies, by the id of the value that is copied. */
  readonly #copies = new Map<number, Buffer>();
  readonly #bindings: Bindings;
  readonly #sourceOf: (value: Value) => Value;

  /** @param sourceOf the value that a value is a reshape of, or itself */
  constructor(bindings: Bindings, sourceOf: (value: Value) => Value) {
    this.#bindings = bindings;
    this.#sourceOf = sourceOf;
  }

  number(length: Length): number {
    return evaluate(length, this.#bindings);
  }

  numbers(lengths: readonly Length[]): number[] {
    return lengths.map((length) => this.number(length));
  }

  shape({ shape }: Value): number[] {
    return shape.map((length) => this.number(length));
  }

  place(value: Value): Place {
    const place = this.places.get(value.id);
    if (place === undefined) throw new TypeError(`value %${value.id} is used before it is made`);
    return place;
  }

  /** Where a value is written: the place chosen beforehand, or a buffer of its own. */
  newPlace(value: Value): Place {
    const place = this.placing.get(value.id) ?? newPlace(this.shape(value));
    this.places.set(value.id, place);
    return place;
  }

  /** A contiguous place of a value, a copy if need be. */
  contiguous(value: Value): Place {
    const place = this.place(value);
    if (isContiguous(place.layout)) return place;
    const { id } = this.#sourceOf(value), shape = this.shape(value);
    const known = this.#copies.get(id);
    if (known) return { buffer: known, layout: contiguous(shape) };
    const copy = newPlace(shape);
    this.copy(place, copy, shape);
    this.#copies.set(id, copy.buffer);
    return copy;
  }

  call(call: Omit<Call, "serial" | "inPlace"> & Partial<Call>): void {
    this.calls.push({ serial: false, inPlace: new Map(), ...call });
  }

  /** A call of a function of the library. */
  callFunction<F extends FunctionName>(
    kernel: F,
    given: ArgumentsOf<F>,
    call: Pick<Call, "count" | "reads" | "writes">,
  ): void {
    this.call({ kernel, arguments: argumentsInOrder(kernel, given), ...call });
  }

  copy(from: Place, to: Place, shape: readonly number[]): void {
    const same = refine([from.layout.axes.flat(), to.layout.axes.flat()]);
    if (same === undefined) throw new TypeError(`cannot copy a tensor of shape [${shape}]`);
    const [source, target] = joined(same as [Factor[], Factor[]]);
    if (source.length > COPY_AXES) throw new TypeError(`cannot copy ${source.length} axes`);
    const axes = (factors: readonly Factor[], of: (factor: Factor) => number, none: number) => {
      const [first, ...rest] = factors.map(of);
      const padding = new Array<number>(COPY_AXES - Math.max(1, factors.length)).fill(none);
      return [first ?? none, ...padding, ...rest];
    };
    // One axis: all of it is the innermost.
    const whole = source.length === 1 ? [{ extent: 1, stride: 0 }] : [];
    const [ins, outs] = [[...whole, ...source], [...whole, ...target]];
    this.callFunction("copy_elements", {
      from: addressOf(from),
      to: addressOf(to),
      lengths: axes(ins, ({ extent }) => extent, 1),
      from_steps: axes(ins, ({ stride }) => stride, 0),
      to_steps: axes(outs, ({ stride }) => stride, 0),
    }, { count: ins[0]?.extent ?? 1, reads: [from.buffer], writes: [to.buffer] });
  }

  fill(to: Place, value: number): void {
    const factors = joined([to.layout.axes.flat(), to.layout.axes.flat()])[0];
    if (factors.length > COPY_AXES) throw new TypeError(`cannot fill ${factors.length} axes`);
    const padding = new Array<Factor>(COPY_AXES - factors.length).fill({ extent: 1, stride: 0 });
    const all = [...padding, ...factors];
    this.callFunction("fill_elements", {
      to: addressOf(to),
      lengths: all.map(({ extent }) => extent),
      steps: all.map(({ stride }) => stride),
      bits: floatBits(value),
    }, { count: all[0]!.extent, reads: [], writes: [to.buffer] });
  }
}

/** A view of a contiguous place. */
export function viewOf(
  { buffer, layout }: Place,
  view: (layout: Layout) => Layout | undefined,
): Place {
  const viewed = view(layout);
  if (viewed === undefined) throw new TypeError("cannot take that view of a contiguous tensor");
  return { buffer, layout: viewed };
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
