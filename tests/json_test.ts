import assert from "node:assert/strict";
import { array, check, integer, maxValue, minValue, number, object, pipe, string } from "valibot";
import { JsonError, parseJson } from "../lib/json.ts";

const Small = object({
  name: string(),
  sizes: array(pipe(number(), integer(), minValue(1), maxValue(8))),
});

function complaint(text: string): string {
  try {
    parseJson(text, Small);
  } catch (error) {
    return (error as Error).message;
  }
  return "none";
}

Deno.test("parseJson() takes what the schema describes, with a byte order mark or without", () => {
  const value = { name: "a", sizes: [1, 8] };
  assert.deepEqual(parseJson(JSON.stringify(value), Small), value);
  assert.deepEqual(parseJson("\ufeff" + JSON.stringify(value), Small), value);
});

Deno.test("parseJson() names the first value that is wrong, what was wanted and what was there", () => {
  assert.equal(complaint(`{"name":"a","sizes":[1,9]}`), `"sizes.1" wants at most 8, got 9`);
  assert.equal(complaint(`{"sizes":[]}`), `"name" is missing`);
  assert.equal(complaint("7"), "the whole wants an object, got 7");
  assert.match(complaint("{"), /^it is not JSON \(/);
  assert.ok(complaint(`{"name":${JSON.stringify(["x".repeat(1e5)])},"sizes":[]}`).length < 120);
});

Deno.test("parseJson() says what a check of a schema wants, and shows deep values shortly", () => {
  const pair = object({
    ends: pipe(array(number()), check((ends) => ends.length === 2, "two ends")),
  });
  const complaintOf = (text: string) => {
    try {
      return parseJson(text, pair);
    } catch (error) {
      return error instanceof JsonError ? error.message : String(error);
    }
  };
  assert.equal(complaintOf('{"ends":[1]}'), '"ends" wants two ends, got [1]');
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  assert.equal(complaintOf(`{"ends":${deep}}`), '"ends.0" wants a number, got ["[...]"]');
});
