/** The arguments of a fused kernel, and how it addresses memory: pointers to rows, and elements of them. */

import { type Constant, isElementwise, type Node, type Value } from "../../graph/graph.ts";
import { type Length, sameLength } from "../../graph/length.ts";
import { type InPlace, type KernelArgument, rowIndex, variationOf } from "./parts.ts";
import { columnsOf } from "../../graph/rows.ts";
import { cType, floatLiteral } from "./expressions.ts";

/** The arguments and pointers of a kernel while it is written. */
export class KernelMemory {
  readonly arguments: KernelArgument[] = [];
  /** At the start of the kernel. */
  readonly declarations: string[] = [];
  /** At the start of each row. */
  readonly rowStarts: string[] = [];
  readonly #constants: ReadonlyMap<number, Constant>;
  readonly #names = new Map<string, string>();
  readonly #rowNames = new Map<string, string>();
  /** Rows that come one after another in memory: a pointer to the present one, and whether it is written. */
  readonly #streams = new Map<string, boolean>();
  /** The pass over a row in which each result is first written. */
  readonly #written = new Map<string, number>();
  /** The pass in which each operand is last read; `Infinity` if it is read elsewhere than where the row is. */
  readonly #lastRead = new Map<string, number>();
  #pass = 0;

  constructor(constants: ReadonlyMap<number, Constant>) {
    this.#constants = constants;
  }

  /** From now on statements of another pass over the row are written. */
  startPass(pass: number): void {
    this.#pass = pass;
  }

  /**
   * Results that may lie where operands do, as indices of arguments: whatever is there has been read when it is written
   * over.
   *
   * @param columns of a row
   */
  inPlace(columns: Length): readonly InPlace[] {
    const indices = new Map([...this.#names.values()].map((name, index) => [name, index]));
    const fits = (index: number) => {
      const argument = this.arguments[index]!;
      return "value" in argument && sameLength(columnsOf(argument.value), columns);
    };
    return [...this.#written].flatMap(([result, pass]) =>
      [...this.#lastRead].flatMap(([operand, last]) => {
        const pair = { result: indices.get(result)!, operand: indices.get(operand)! };
        return last <= pass && fits(pair.result) && fits(pair.operand) ? [pair] : [];
      })
    );
  }

  /** The name of an argument, the same for the same one. */
  argument(argument: KernelArgument): string {
    const key = "length" in argument
      ? `length ${
        JSON.stringify(argument.length instanceof Map ? [...argument.length] : argument.length)
      }`
      : `${argument.written} ${argument.value.id}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const index = this.arguments.length, name = `a${index}`;
    this.arguments.push(argument);
    this.#names.set(key, name);
    const type = "length" in argument
      ? undefined
      : `${argument.written ? "" : "const "}${cType(argument.value.type)} *`;
    this.declarations.push(
      type === undefined
        ? `const word ${name} = a[${index}];`
        : `${type}${name} = (${type})a[${index}];`,
    );
    return name;
  }

  /** An element of a result in a row. */
  written(value: Value, columns: string): string {
    const name = this.argument({ value, written: true });
    const row = `${name} + r * ${columns}`;
    this.#streams.set(row, true);
    if (!this.#written.has(name)) this.#written.set(name, this.#pass);
    return `(${row})[c]`;
  }

  /** An element of an operand that the kernel does not compute; `value` is what the operand is a reshape of. */
  read(operand: Value, value: Value, node: Node): string {
    const constant = this.#constants.get(value.id)?.data;
    if (constant && "data" in constant && constant.data.length === 1) {
      const [number] = constant.data;
      return constant.dtype === "float32" ? floatLiteral(number!) : String(number);
    }
    const over = isElementwise(node) ? node.outputs[0]! : operand;
    const name = this.argument({ value, written: false });
    const variation = variationOf(operand, over);
    const column = variation.columns ? " + c" : "";
    if (variation.rows === "none") {
      this.#readUntil(name, Infinity);
      return `${name}[0${column}]`;
    }
    return `${this.#rowOf(value, { operand, over, byColumn: variation.columns })}[0${column}]`;
  }

  #readUntil(name: string, pass: number): void {
    this.#lastRead.set(name, Math.max(this.#lastRead.get(name) ?? 0, pass));
  }

  /** The name of the pointer to an operand's row. */
  #rowOf(
    value: Value,
    { operand, over, byColumn }: {
      readonly operand: Value;
      readonly over: Value;
      readonly byColumn: boolean;
    },
  ): string {
    const name = this.argument({ value, written: false });
    const width = byColumn ? ` * ${this.argument({ length: columnsOf(operand) })}` : "";
    const row = rowIndex(operand, over, (length) => this.argument({ length }));
    this.#readUntil(name, byColumn && row === "r" ? this.#pass : Infinity);
    const key = `${name} + (${row})${width}`;
    const known = this.#rowNames.get(key);
    if (known) return known;
    const fresh = `p${this.#rowNames.size}`;
    this.#rowNames.set(key, fresh);
    this.rowStarts.push(`const ${cType(value.type)} *${fresh} = ${key};`);
    if (byColumn && row === "r") this.#streams.set(fresh, false);
    return fresh;
  }

  /** Statements that prefetch: hardware prefetchers stop at the end of a page. */
  prefetches(address: (row: string) => string): readonly string[] {
    return [...this.#streams].map(([row, written]) =>
      `__builtin_prefetch(${address(row)}, ${Number(written)});`
    );
  }
}
