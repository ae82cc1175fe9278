/** Order and nesting of paths. */
import { relative } from "node:path";

/** Orders text by code unit: the same on every machine, unlike a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether the path is the folder or inside it; both absolute. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith("../") && !way.startsWith("/"));
}
