import { join } from "node:path";
import { openShards } from "../../lib/data/mod.ts";
import { readEncoder } from "../../lib/encoder/mod.ts";
import { preparedBatches } from "../../lib/features/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { withFolder } from "../folder.ts";
import { exportEncoder, ourOutputs, randomPixels } from "./encoders.ts";
import { expectNear, node, testWithNode } from "./programs.ts";

testWithNode(
  "transformers.js: AutoModel and pipeline() give our output from the exported directory",
  async () => {
    await withFolder(async (folder) => {
      const { encoder } = await exportEncoder(folder);
      const { config: { imageSize }, preprocessing } = await readEncoder(encoder);
      const pixels = randomPixels(imageSize);
      // Of the encoder's own size: how two libraries scale a picture is another question.
      const picture = await pictureFile(1, imageSize);
      const image = join(folder, "picture.png"), shards = join(folder, "shards");
      await Deno.writeFile(image, picture);
      await writeShards(shards, [picture], { perShard: 1 });

      const request = join(folder, "request.json"), response = join(folder, "response.json");
      const { shape, data } = pixels;
      const asked = { models: folder, name: "encoder", shape, pixels: [...data], image };
      await Deno.writeTextFile(request, JSON.stringify(asked));
      await node("encode", request, response);
      const got = JSON.parse(await Deno.readTextFile(response));

      const ours = await ourOutputs(encoder, pixels);
      expectNear("AutoModel, last_hidden_state", got.tokens, ours.tokens.data);
      expectNear("AutoModel, pooler_output", got.pooled, ours.pooled.data);
      await using split = (await openShards(shards)).split("train");
      for await (const { images } of preparedBatches(split, { preprocessing, batch: 1 })) {
        const { pooled } = await ourOutputs(encoder, floatTensor([1, 3, ...imageSize], images));
        expectNear("pipeline() with pool", got.described, pooled.data);
      }
    });
  },
);
