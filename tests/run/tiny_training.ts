/** A process that trains a tiny run, to be killed: the directory is its only argument. */
import { trainTiny } from "./small_run.ts";

await trainTiny(Deno.args[0]!, (text) => console.error(text));
