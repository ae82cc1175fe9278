/**
 * An encoder's directory in transformers.js: node encode.mjs REQUEST RESPONSE. The request is JSON: `models` (folder),
 * `name` (of the encoder in it), `shape` and `pixels` (prepared), `image` (a picture's file).
 */
import { readFile, writeFile } from "node:fs/promises";
import { AutoModel, env, pipeline, Tensor } from "@huggingface/transformers";

const [request, response] = process.argv.slice(2);
const { models, name, shape, pixels, image } = JSON.parse(await readFile(request, "utf8"));
env.localModelPath = models;
env.allowRemoteModels = false;

const options = { dtype: "fp32", device: "cpu" };
const model = await AutoModel.from_pretrained(name, options);
const input = new Tensor("float32", Float32Array.from(pixels), shape);
const { last_hidden_state: tokens, pooler_output: pooled } = await model({ pixel_values: input });

const extract = await pipeline("image-feature-extraction", name, options);
const described = await extract(image, { pool: true });

await writeFile(
  response,
  JSON.stringify({
    tokens: [...tokens.data],
    pooled: [...pooled.data],
    described: [...described.data],
  }),
);
