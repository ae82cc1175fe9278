/** What a fused kernel is told and how it reaches memory: its arguments, the rows that it goes over, their elements. */

import type { Constant, Node, Value } from "../graph.ts";
import { type KernelArgument, rowIndex, variationOf } from "./kernel_parts.ts";
import { columnsOf, cType, ELEMENTWISE, floatLiteral } from "./operations.ts";

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

  constructor(constants: ReadonlyMap<number, Constant>) {
    this.#constants = constants;
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
    const row = `${this.argument({ value, written: true })} + r * ${columns}`;
    this.#streams.set(row, true);
    return `(${row})[c]`;
  }

  /** An element of an operand that the kernel does not compute; `value` is what the operand is a reshape of. */
  read(operand: Value, value: Value, node: Node): string {
    const constant = this.#constants.get(value.id)?.data;
    if (constant && "data" in constant && constant.data.length === 1) {
      const [number] = constant.data;
      return constant.dtype === "float32" ? floatLiteral(number!) : String(number);
    }
    const over = node.op in ELEMENTWISE ? node.outputs[0]! : operand;
    const name = this.argument({ value, written: false });
    const variation = variationOf(operand, over);
    const column = variation.columns ? " + c" : "";
    if (variation.rows === "none") return `${name}[0${column}]`;
    return `${this.#rowOf(value, { operand, over, byColumn: variation.columns })}[0${column}]`;
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
    const key = `${name} + (${row})${width}`;
    const known = this.#rowNames.get(key);
    if (known) return known;
    const fresh = `p${this.#rowNames.size}`;
    this.#rowNames.set(key, fresh);
    this.rowStarts.push(`const ${cType(value.type)} *${fresh} = ${key};`);
    if (byColumn && row === "r") this.#streams.set(fresh, false);
    return fresh;
  }

  /** Statements that ask for memory which will be needed: processors do not look beyond a page by themselves. */
  prefetches(address: (row: string) => string): readonly string[] {
    return [...this.#streams].map(([row, written]) =>
      `__builtin_prefetch(${address(row)}, ${Number(written)});`
    );
  }
}
