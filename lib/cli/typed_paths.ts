/** Absolute forms of the relative paths in messages: a task runs in the folder of `deno.json`, not in the user's. */
import { isAbsolute, normalize, resolve } from "node:path";
import type { FlagTable } from "./flags.ts";

/** The relative paths among the options, as they were typed, the longest first. */
export function relativePaths(
  flags: FlagTable,
  options: Readonly<Record<string, unknown>>,
): string[] {
  const typed = Object.entries(flags).filter(([, { path }]) => path).flatMap(([key]) => {
    const value = options[key];
    if (Array.isArray(value)) return value.map((text) => String(text).replace(/^[^=]*=/, ""));
    return typeof value === "string" ? [value] : [];
  });
  return [...new Set(typed)].filter((path) => !isAbsolute(path)).sort((a, b) =>
    b.length - a.length
  );
}

/**
 * Adds the absolute path after the first mention of a relative one: a task starts in the folder of `deno.json`, not in
 * the user's.
 *
 * @param message text with paths in double quotes
 * @param typed what {@link relativePaths} found
 */
export function withAbsolutePaths(message: string, typed: readonly string[]): string {
  let text = message;
  for (const path of typed) {
    // As typed, and as `join` normalises it.
    const forms = new Set([path, normalize(path)].map((form) => form.replace(/\/+$/, "")));
    const starts = [...forms].flatMap((form) => [`"${form}"`, `"${form}/`])
      .map((part) => text.indexOf(part)).filter((index) => index >= 0);
    if (starts.length === 0) continue;
    const start = Math.min(...starts);
    const end = text.indexOf('"', start + 1) + 1;
    const named = text.slice(start + 1, end - 1);
    text = `${text.slice(0, end)} (${resolve(named)})${text.slice(end)}`;
  }
  return text;
}
