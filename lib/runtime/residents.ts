/** Tensors that stay in a runtime from one run to the next. */

import { type Program, residentNames } from "../compile/mod.ts";
import { floatTensor, type TensorRecord } from "../tensor.ts";
import { checkResident } from "./feeds.ts";

/** A resident tensor, in memory of the runtime. */
export interface ResidentTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
  isSet: boolean;
}

type Residents = ReadonlyMap<string, ResidentTensor>;

/** Copies tensors to the runtime's memory. @throws {RangeError} an unknown or misshapen tensor, named */
export function writeTensors(program: Program, residents: Residents, tensors: TensorRecord): void {
  checkResident(program, tensors);
  for (const [name, { data }] of Object.entries(tensors)) {
    const resident = residents.get(name)!;
    resident.data.set(data as Float32Array);
    resident.isSet = true;
  }
}

/** Copies of tensors as they are now. @param names which @default all */
export function readTensors(
  residents: Residents,
  names: readonly string[] = [...residents.keys()],
): TensorRecord {
  return Object.fromEntries(names.map((name) => {
    const { shape, data } = residents.get(name)!;
    return [name, floatTensor(shape, data.slice())];
  }));
}

/** @throws {RangeError} a tensor that must be set before the first run and was not, named */
export function expectSet(program: Program, isSet: (name: string) => boolean): void {
  const missing = residentNames(program).find((name) => !isSet(name));
  if (missing === undefined) return;
  throw new RangeError(`Cannot run "${program.name}": "${missing}" was never set`);
}
