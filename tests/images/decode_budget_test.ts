import assert from "node:assert/strict";
import fc from "fast-check";
import { DECODE_BYTES, DecodeBudget } from "../../lib/images/decode_budget.ts";

const MEBIBYTE = 2 ** 20;

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("DecodeBudget never gives away more than there is, and everybody gets a turn", async () => {
  const weights = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(weights, async (mebibytes) => {
      const budget = new DecodeBudget();
      let used = 0, done = 0;
      await Promise.all(mebibytes.map((weight, i) =>
        budget.use(weight * MEBIBYTE, async () => {
          const own = Math.min(weight * MEBIBYTE, DECODE_BYTES);
          used += own;
          assert.ok(used <= DECODE_BYTES, `${used} bytes`);
          await turns(i % 3);
          used -= own;
          done++;
        })
      ));
      assert.equal(done, mebibytes.length);
    }),
    { numRuns: 20, seed: 1 },
  );
});

Deno.test("DecodeBudget serves in order: a large one is not overtaken for ever", async () => {
  const budget = new DecodeBudget();
  const order: string[] = [];
  const release = Promise.withResolvers<void>();
  const first = budget.use(DECODE_BYTES / 2, () => release.promise);
  const large = budget.use(DECODE_BYTES, () => Promise.resolve(order.push("large")));
  const small = budget.use(1, () => Promise.resolve(order.push("small")));
  await turns(5);
  assert.deepEqual(order, []);
  release.resolve();
  await Promise.all([first, large, small]);
  assert.deepEqual(order, ["large", "small"]);
});

Deno.test("DecodeBudget.alone() has nothing beside it, and an error gives back what was taken", async () => {
  const budget = new DecodeBudget();
  let running = 0;
  const work = async () => {
    running++;
    await turns(2);
    running--;
  };
  const some = [1, 2, 3].map((mebibytes) => budget.use(mebibytes * MEBIBYTE, work));
  await budget.alone(() => Promise.resolve(assert.equal(running, 0)));
  await Promise.all(some);
  for (let i = 0; i < 3; i++) {
    await assert.rejects(budget.alone(() => Promise.reject(new Error("mine"))), {
      message: "mine",
    });
  }
});

Deno.test("DecodeBudget of the same numbers is one, also in another thread", async () => {
  const budget = new DecodeBudget();
  const module = new URL("../../lib/images/decode_budget.ts", import.meta.url).href;
  const code = `import { DECODE_BYTES, DecodeBudget } from ${JSON.stringify(module)};
    self.onmessage = async ({ data }) => {
      self.postMessage("waiting");
      await new DecodeBudget(data).use(DECODE_BYTES, async () => self.postMessage("has all"));
    };`;
  const url = URL.createObjectURL(new Blob([code], { type: "application/typescript" }));
  const worker = new Worker(url, { type: "module" });
  const told: string[] = [];
  const hasAll = Promise.withResolvers<void>(), isWaiting = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => {
    told.push(data);
    if (data === "waiting") isWaiting.resolve();
    else hasAll.resolve();
  };
  await budget.use(1, async () => {
    worker.postMessage(budget.shared);
    await isWaiting.promise;
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(told, ["waiting"]);
  });
  await hasAll.promise;
  worker.terminate();
  URL.revokeObjectURL(url);
});
