/** Finds duplicate keys in a JSON text. */

/** Strings, with the colon if they are keys, and the brackets of objects and lists. */
const TOKENS = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g;

/**
 * A key that an object of a JSON text has twice, with those around it (`run.batch`), of which `JSON.parse` silently
 * takes the last; `undefined`: there is none. The text must be JSON.
 */
export function repeatedKey(text: string): string | undefined {
  const around: { readonly keys?: Set<string>; last: string }[] = [];
  for (const [token, colon] of text.matchAll(TOKENS)) {
    const inner = around.at(-1);
    if (token === "{") around.push({ keys: new Set(), last: "" });
    else if (token === "[") around.push({ last: "" });
    else if (token === "}" || token === "]") around.pop();
    else if (colon !== undefined && inner?.keys !== undefined) {
      inner.last = JSON.parse(token.slice(0, -colon.length));
      if (inner.keys.has(inner.last)) {
        return around.map(({ last }) => last).filter((key) => key !== "").join(".");
      }
      inner.keys.add(inner.last);
    }
  }
  return undefined;
}
