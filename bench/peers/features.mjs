/**
 * Embeds a batch of images with transformers.js, and times it: node features.mjs FOLDER THREADS WARM_UP TIMED. Prints
 * what bench/measured.ts does.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AutoModel, env, Tensor } from "@huggingface/transformers";

const [folder, ...numbers] = process.argv.slice(2);
const [threads, warmUp, timed] = numbers.map(Number);

/** The only tensor of a safetensors file. */
function readImages(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { images: { shape, data_offsets: [from, to] } } = JSON.parse(
    bytes.toString("utf8", 8, start),
  );
  const data = bytes.buffer.slice(bytes.byteOffset + start + from, bytes.byteOffset + start + to);
  return new Tensor("float32", new Float32Array(data), shape);
}

/** Most memory that this process has held; null where the system does not tell. */
function peakMemoryBytes() {
  const path = "/proc/self/status";
  if (!existsSync(path)) return null;
  return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(path, "utf8"))[1]);
}

env.localModelPath = dirname(folder);
env.allowRemoteModels = false;
const model = await AutoModel.from_pretrained(basename(folder), {
  dtype: "fp32",
  device: "cpu",
  session_options: { intraOpNumThreads: threads },
});
const pixels = readImages(join(folder, "images.safetensors"));

const seconds = [], check = [];
let firstResultAt = 0;
for (let index = 0; index < warmUp + timed; index++) {
  const start = performance.now();
  const { pooler_output: { data } } = await model({ pixel_values: pixels });
  check.push(data.reduce((sum, value) => sum + Math.abs(value), 0) / data.length);
  seconds.push((performance.now() - start) / 1000);
  if (index === 0) firstResultAt = Date.now() / 1000;
}
console.log(JSON.stringify({
  first_result_at: firstResultAt,
  seconds: seconds.slice(warmUp),
  warm_up_seconds: seconds.slice(0, warmUp),
  peak_memory_bytes: peakMemoryBytes(),
  check,
  library: `transformers.js ${env.version}, Node ${process.versions.node}, CPU, ${threads} threads`,
}));
