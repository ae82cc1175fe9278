#!/usr/bin/env bash
# Real learning in minutes: pipelines/demo.sh [DIRECTORY], runs/demo by default.
# Trains an encoder on 20,000 rendered pictures without their labels, then asks simple probes what can be read from it,
# from the same encoder before training, and from the pixels. Stop it at any time: the next call goes on from there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=${1:-runs/demo}
steps=8
pipeline=demo
# shellcheck source-path=SCRIPTDIR source=resumable.sh
source pipelines/resumable.sh

# seconds_of DIRECTORY: how long its stage took.
seconds_of() {
  sed -n 's/^  "seconds": \([0-9.]*\),$/\1/p' "$1/receipt.json"
}

# Runs the first stages on a few pictures and tells how long the whole will take on this machine: 26,000 pictures are
# rendered and packed, 2,600 steps trained, and everything after that takes about as long as 450 steps.
estimate() {
  awk -v rest=450 -v step="$(step_seconds "$work/trial/run")" -v scenes="$(seconds_of "$work/trial/scenes")" \
    -v shard="$(seconds_of "$work/trial/shards")" \
    'BEGIN { printf "%d\n", 26 * (scenes + shard) + (2600 + rest) * step }'
}

explain "Try a few pictures and steps, to see how long the whole will take"
stage scenes --out "$work/trial/scenes" --count 1000 --size 32 --seed 2
stage shard --images "$work/trial/scenes" --out "$work/trial/shards"
stage pretrain --shards "$work/trial/shards" --out "$work/trial/run" --preset scenes --steps 40 \
  --set schedule.warmupSteps=5
printf 'demo: about %s minutes in all on this machine\n' "$(clock "$(estimate)")" >&2

explain "Render 20,000 pictures for training, and 6,000 others to test with"
stage scenes --out "$work/scenes" --count 20000 --size 32 --seed 0
stage scenes --out "$work/test-scenes" --count 6000 --size 32 --seed 1

explain "Pack them into tar files; of the 6,000, a third tests what the rest teaches the probes"
stage shard --images "$work/scenes" --out "$work/shards"
stage shard --images "$work/test-scenes" --out "$work/test-shards" --holdout 0.3333

explain "Train: predict the content of hidden blocks from the rest of the picture, no labels"
stage pretrain --shards "$work/shards" --out "$work/run" --preset scenes

explain "Export the trained encoder, and the same one before its first step"
stage checkpoint --run "$work/run" --out "$work/pretrained"
stage checkpoint --run "$work/run" --out "$work/random" --step 0

explain "Describe every test picture by numbers: from both encoders, and its 8x8 pixels"
for name in pretrained random pixels; do
  encoder=$work/$name
  if [ "$name" = pixels ]; then encoder=pixels:8; fi
  for split in train test; do
    stage features --encoder "$encoder" --shards "$work/test-shards" --split "$split" \
      --out "$work/$name-$split.arrow"
  done
done

explain "Probe: what can a linear map or the nearest neighbours read from those numbers?"
for name in pretrained random pixels; do
  stage probe --train "$work/$name-train.arrow" --test "$work/$name-test.arrow" \
    --out "$work/probe-$name"
done

explain "The result"
stage compare --probes "pretrained=$work/probe-pretrained" --probes "random=$work/probe-random" \
  --probes "pixels=$work/probe-pixels" --out "$work/table.md"
printf '\ndemo: %s; everything is in %s, the table in %s/table.md\n' \
  "$(clock "$spent")" "$work" "$work" >&2
