#!/usr/bin/env bash
# Real learning in minutes: pipelines/demo.sh [DIRECTORY], runs/demo by default.
# Trains an encoder on 20,000 rendered pictures without their labels, then asks simple probes what can be read from it,
# from the same encoder before training, and from the pixels. Stop it at any time: the next call goes on from there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deno=(deno)
command -v deno >/dev/null || deno=(npx -y deno)
work=${1:-runs/demo}
steps=7
step=0

# explain TEXT: what the next commands are for.
explain() {
  step=$((step + 1))
  printf '\n[%d/%d, %d:%02d] %s\n' "$step" "$steps" $((SECONDS / 60)) $((SECONDS % 60)) "$1" >&2
}

# stage NAME FLAG...: shows the command and runs it; what is up to date is left alone.
stage() {
  printf '$ deno task %s\n' "$*" >&2
  "${deno[@]}" task --quiet "$@" >>"$work/results.jsonl"
}

# Says what a failure of a stage means for the whole.
explain_end() {
  local status=$?
  case $status in
    0) ;;
    75 | 130 | 143) echo "demo: stopped; run it again to go on" >&2 ;;
    *) echo "demo: the command above ended with $status; mend the cause and run the demo again to go on" >&2 ;;
  esac
}
trap explain_end EXIT

mkdir -p "$work"
: >"$work/results.jsonl"

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
printf '\ndemo: %d:%02d; everything is in %s, the table in %s/table.md\n' \
  $((SECONDS / 60)) $((SECONDS % 60)) "$work" "$work" >&2
