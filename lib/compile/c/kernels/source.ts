/** C code of fused units: one function that goes over rows, in as many passes over each as its sums need. */

import type { Constant, Node, Value } from "../../graph/graph.ts";
import { sameLength } from "../../graph/length.ts";
import { is, type Op } from "../../graph/operations.ts";
import { SUM_BLOCK } from "../library.ts";
import type { Unit } from "./units.ts";
import { KernelMemory } from "./memory.ts";
import type { FusedKernel, Local } from "./parts.ts";
import type { KeptValues } from "./kept.ts";
import { columnsOf, reducesRows, sumsColumns } from "../../graph/rows.ts";
import { cType, expression } from "./expressions.ts";
import { rowLoop, type Statement, valueOr } from "./row_loop.ts";

/** Operations that can be one where a product is a term of a sum. */
const PRODUCTS = new Set<Op>(["Multiply", "Square"]), SUMS = new Set<Op>(["Add", "Sub"]);

/** Elements that a kernel which goes over a row once prefetches ahead. */
const PREFETCH_DISTANCE = 256;

class KernelWriter {
  readonly #unit: Unit;
  readonly #kept: KeptValues;
  readonly #memory: KernelMemory;
  readonly #locals = new Map<number, Local>();
  readonly #buffered = new Set<number>();
  readonly #results: ReadonlySet<number>;
  #count = 0;

  constructor(unit: Unit, kept: KeptValues, constants: ReadonlyMap<number, Constant>) {
    this.#unit = unit;
    this.#kept = kept;
    this.#memory = new KernelMemory(constants);
    this.#results = new Set(kept.resultsOf(unit).map(({ id }) => id));
  }

  write(): FusedKernel {
    for (const result of this.#kept.resultsOf(this.#unit)) this.#local(result);
    const locals = [...this.#locals.values()];
    const passes = 1 + Math.max(...locals.map((local) => this.#lastPassOf(local)));
    const columns = this.#memory.argument({ length: this.#unit.columns });
    const once = passes === 1 && !locals.some(({ node }) => reducesRows(node));
    const bodies = Array.from({ length: passes }, (_, pass) => this.#pass(pass, columns, once));
    const sums = locals.filter(({ variation }) => variation === "columnSum");
    const body = [
      ...this.#memory.declarations,
      `const word whole = ${columns} - ${columns} % LANES;`,
      ...sums.map(({ name }) => `float ${name}_block[${columns} + LANES];`),
      ...sums.map(({ name }) => `memset(${name}_block, 0, sizeof ${name}_block);`),
      ...sums.map(({ name }) =>
        `if (begin == 0) memset(${name}, 0, ${columns} * sizeof *${name});`
      ),
      ...[...this.#buffered].map((id) =>
        `${this.#typeOf(id)} ${this.#locals.get(id)!.name}_row[${columns} + LANES];`
      ),
      "for (word r = begin; r < end; r++) {",
      ...this.#memory.rowStarts,
      // What is gone over several times is fetched a row ahead.
      ...once ? [] : [
        `for (word c = 0; c < ${columns}; c += LANES) {`,
        ...this.#memory.prefetches((row) => `${row} + ${columns} + c`),
        "}",
      ],
      ...bodies.flat(),
      ...sums.flatMap(({ name }) => [
        `if (r % ${SUM_BLOCK} == ${SUM_BLOCK - 1} || r == end - 1) {`,
        "#pragma omp simd",
        `for (word c = 0; c < ${columns}; c++) { ${name}[c] += ${name}_block[c]; ${name}_block[c] = 0; }`,
        "}",
      ]),
      "}",
    ].join("\n");
    const { rows } = this.#unit;
    return {
      body,
      operations: new Map(locals.map(({ name, node }) => [name, node.op])),
      arguments: this.#memory.arguments,
      rows,
      serial: sums.length > 0,
      singlePass: passes === 1,
      inPlace: this.#memory.inPlace(this.#unit.columns),
    };
  }

  #typeOf(id: number): string {
    return cType(this.#locals.get(id)!.value.type);
  }

  /** A value that the unit computes, with what it needs. */
  #local(value: Value): Local {
    const known = this.#locals.get(value.id);
    if (known) return known;
    const node = this.#kept.maker(value)!;
    const operands = node.inputs.map((each) => this.#kept.source(each))
      .filter((each) => this.#kept.computes(this.#unit, each))
      .map((each) => this.#local(each));
    const before = Math.max(0, ...operands.map(({ pass }) => pass));
    const variation = sumsColumns(node)
      ? "columnSum"
      : reducesRows(node) || !sameLength(columnsOf(value), this.#unit.columns)
      ? "row"
      : "all";
    const pass = reducesRows(node) ? before + 1 : before;
    const name = sumsColumns(node)
      ? this.#memory.argument({ value, written: true })
      : `t${this.#count++}`;
    const local: Local = { value, node, name, variation, pass };
    this.#locals.set(value.id, local);
    return local;
  }

  /** The pass in which a value is last worked on. */
  #lastPassOf({ node, pass }: Local): number {
    return reducesRows(node) ? pass - 1 : pass;
  }

  /** The statements of one pass over a row, and those before it. */
  #pass(pass: number, columns: string, once: boolean): readonly string[] {
    this.#memory.startPass(pass);
    const locals = [...this.#locals.values()];
    const lines: string[] = [], reductions: string[] = [];
    /** Results are written last: they may lie where operands do. */
    const stores: Statement[] = [], results: Statement[] = [];
    const present = new Set<number>();
    const starts: string[] = [];
    const element = (operand: Value, node: Node): string => {
      const local = this.#computed(operand);
      if (local === undefined) {
        return this.#memory.read(operand, this.#kept.source(operand), node);
      }
      if (local.variation === "row") return local.name;
      this.#recall(local, pass, { lines, present, element });
      return local.name;
    };
    const ends: string[] = [];
    for (const local of locals) {
      const { node, name, variation, value } = local;
      if (reducesRows(node)) {
        if (local.pass !== pass + 1) continue;
        const x = element(node.inputs[0]!, node);
        starts.push(`float ${name} = ${node.op === "Max" ? "-INFINITY" : "0.0f"};`);
        if (node.op === "Max") {
          reductions.push(`reduction(max: ${name})`);
          stores.push((condition) => {
            const some = valueOr("-INFINITY", x, condition);
            return `${name} = ${name} < ${some} ? ${some} : ${name};`;
          });
        } else {
          reductions.push(`reduction(+: ${name})`);
          stores.push((condition) => `${name} += ${valueOr("0.0f", x, condition)};`);
        }
        if (node.op === "Mean") ends.push(`${name} = ${name} / (float)${columns};`);
        ends.push(...this.#storeRow(local));
      } else if (local.pass === pass && variation === "columnSum") {
        const x = element(node.inputs[0]!, node);
        stores.push(() => `${name}_block[c] += ${x};`);
      } else if (local.pass === pass && variation === "all" && !this.#isTerm(local)) {
        this.#recall(local, pass, { lines, present, element });
        if (this.#results.has(value.id)) {
          const to = this.#memory.written(value, columns);
          results.push((condition) => `${condition ? `if (${condition}) ` : ""}${to} = ${name};`);
        } else if (this.#isNeededAfter(local, pass)) {
          this.#buffered.add(value.id);
          stores.push(() => `${name}_row[c] = ${name};`);
        }
      } else if (local.pass === pass && variation === "row") {
        const operands = node.inputs.map((each) => this.#rowOperand(each, node));
        this.#rowLines.push({
          pass,
          text: `${cType(value.type)} ${name} = ${expression(node, operands)};`,
        });
        this.#rowLines.push(...this.#storeRow(local).map((text) => ({ pass, text })));
      }
    }
    const rowLines = this.#rowLines.filter((line) => line.pass === pass).map(({ text }) => text);
    stores.push(...results);
    const loop = lines.length + stores.length === 0 ? [] : rowLoop({ lines, stores }, {
      columns,
      reductions,
      prefetches: once
        ? this.#memory.prefetches((row) => `${row} + at + ${PREFETCH_DISTANCE}`)
        : [],
    });
    return [...rowLines, ...starts, ...loop, ...ends];
  }

  readonly #rowLines: { readonly pass: number; readonly text: string }[] = [];

  #storeRow({ value, name }: Local): string[] {
    if (!this.#results.has(value.id)) return [];
    return [`${this.#memory.argument({ value, written: true })}[r] = ${name};`];
  }

  #rowOperand(operand: Value, node: Node): string {
    return this.#computed(operand)?.name ??
      this.#memory.read(operand, this.#kept.source(operand), node);
  }

  /** Makes a value that varies with every element known in a pass: computed, or read where an earlier pass left it. */
  #recall(
    local: Local,
    pass: number,
    { lines, present, element }: {
      lines: string[];
      present: Set<number>;
      element(operand: Value, node: Node): string;
    },
  ): void {
    const { value, node, name } = local;
    if (present.has(value.id)) return;
    const type = cType(value.type);
    if (local.pass < pass && !this.#isComputedAgain(local)) {
      const from = this.#results.has(value.id)
        ? this.#memory.written(value, this.#memory.argument({ length: this.#unit.columns }))
        : `${name}_row[c]`;
      lines.push(`${type} ${name} = ${from};`);
    } else {
      lines.push(`${type} ${name} = ${this.#expression(node, element)};`);
    }
    present.add(value.id);
  }

  /** The expression of an element. A product that it adds or subtracts is a part of it, and is not rounded. */
  #expression(node: Node, element: (operand: Value, node: Node) => string): string {
    const product = this.#termOf(node);
    if (product === undefined || !this.#isTerm(product)) {
      return expression(node, node.inputs.map((each) => element(each, node)));
    }
    const index = node.inputs.findIndex((each) => this.#computed(each) === product);
    const [a, b = a] = product.node.inputs.map((each) => element(each, product.node));
    const other = element(node.inputs[1 - index]!, node);
    if (node.op === "Add") return `multiply_add(${a}, ${b}, ${other})`;
    return index === 0
      ? `multiply_add(${a}, ${b}, -(${other}))`
      : `multiply_add(-(${a}), ${b}, ${other})`;
  }

  /** Whether a value is a product that only sums use, each of which takes it in. */
  #isTerm(local: Local): boolean {
    return this.#isProduct(local) &&
      this.#usersOf(local).every(({ node }) => this.#termOf(node) === local);
  }

  /** The product that a sum could take in: one, of two the first. */
  #termOf(node: Node): Local | undefined {
    if (!SUMS.has(node.op)) return undefined;
    return node.inputs.map((each) => this.#computed(each))
      .find((local) => local !== undefined && this.#isProduct(local));
  }

  /** Whether a value is a product that is only a term of sums of the same elements. */
  #isProduct(local: Local): boolean {
    const { node, value, variation, pass } = local;
    return PRODUCTS.has(node.op) && value.type === "float32" && variation === "all" &&
      !this.#results.has(value.id) &&
      this.#usersOf(local).every((user) =>
        SUMS.has(user.node.op) && user.variation === "all" && user.pass === pass
      );
  }

  /** An operand as the unit computes it, if it does. */
  #computed(operand: Value): Local | undefined {
    return this.#locals.get(this.#kept.source(operand).id);
  }

  #usersOf(local: Local): readonly Local[] {
    return [...this.#locals.values()].filter(({ node }) =>
      node.inputs.some((each) => this.#computed(each) === local)
    );
  }

  /** Whether later passes compute a value again that is not written anyway: one cheap operation on what lies in memory. */
  #isComputedAgain({ node, value }: Local): boolean {
    return is(node.op, "cheap") && !this.#results.has(value.id) && node.inputs.every((each) => {
      const local = this.#computed(each);
      return local === undefined || local.variation === "row";
    });
  }

  #isNeededAfter(local: Local, pass: number): boolean {
    if (this.#isComputedAgain(local)) return false;
    return this.#usersOf(local).some((user) => this.#lastPassOf(user) > pass);
  }
}

/** The kernel of a fused unit; `undefined` when none of its results is used. */
export function writeKernel(
  unit: Unit,
  kept: KeptValues,
  constants: ReadonlyMap<number, Constant>,
): FusedKernel | undefined {
  if (kept.resultsOf(unit).length === 0) return undefined;
  return new KernelWriter(unit, kept, constants).write();
}
