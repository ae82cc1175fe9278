/** Checks of the tensors that a program receives; all runtimes share them. */
import { type Program, residentNames } from "../compile/mod.ts";
import { sizeOf, type TensorRecord } from "../tensor.ts";

/**
 * Checks the feeds of a program and finds the values of its named lengths.
 *
 * @returns the value of each named length
 * @throws {RangeError} a missing, extra or misshapen tensor, named
 */
export function checkFeeds(program: Program, feeds: TensorRecord): Record<string, number> {
  const resident = new Set(residentNames(program));
  const bindings: Record<string, number> = {};
  for (const [name, spec] of Object.entries(program.inputs)) {
    if (resident.has(name)) continue;
    const tensor = feeds[name];
    if (tensor === undefined) {
      throw new RangeError(`Cannot run "${program.name}": input "${name}" is missing`);
    }
    const fits = tensor.dtype === spec.dtype && tensor.shape.length === spec.shape.length &&
      sizeOf(tensor.shape) === tensor.data.length &&
      spec.shape.every((extent, axis) => {
        if (typeof extent === "number") return extent === tensor.shape[axis];
        bindings[extent] ??= tensor.shape[axis]!;
        return bindings[extent] === tensor.shape[axis];
      });
    if (!fits) {
      throw new RangeError(
        `Cannot run "${program.name}": input "${name}" is ${tensor.dtype} [${
          tensor.shape.join(" ")
        }] ` +
          `with ${tensor.data.length} values, expected ${spec.dtype} [${spec.shape.join(" ")}]`,
      );
    }
  }
  for (const name of Object.keys(feeds)) {
    if (!(name in program.inputs) || resident.has(name)) {
      throw new RangeError(`Cannot run "${program.name}": it takes no input "${name}"`);
    }
  }
  return bindings;
}
