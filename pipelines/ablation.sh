#!/usr/bin/env bash
# The paper's ablations at small scale: pipelines/ablation.sh [DIRECTORY [STEPS [PATTERN]]]
# Trains one small encoder per row below on the same pictures, for STEPS steps (600), and probes each on others.
# DIRECTORY is runs/ablation by default; only rows whose name matches PATTERN, a regular expression, are made.
# Stop it at any time: the next call goes on from there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deno=(deno)
command -v deno >/dev/null || deno=(npx -y deno)
work=${1:-runs/ablation}
steps=${2:-600}
pattern=${3:-.}
images=${IMAGES:-20000}
test_images=${TEST_IMAGES:-6000}

# name: what differs from the preset "scenes". On its grid of 8x8 patches a target scale of 0.0625 is 2x2 patches, 0.15
# is 3x3, and 0.25 is 4x4.
rows=(
  "method:"
  "targets-pixels: objective.targets=pixels"
  "mask-input: objective.targetMasking=input"
  "loss-l2: objective.loss=l2"
  "strategy-rasterized: masks.strategy=rasterized"
  "strategy-block: masks.strategy=block"
  "strategy-random: masks.strategy=random"
  "sampler-reference: masks.sampler=reference"
  "target-blocks-1: masks.targetBlocks=1"
  "target-blocks-2: masks.targetBlocks=2"
  "target-scale-0.06: masks.targetScale=[0.0625,0.0625] masks.minKeep=3"
  "target-scale-0.25: masks.targetScale=[0.25,0.25]"
  "target-aspect-wide: masks.targetAspect=[0.75,1.5]"
  "context-scale-0.4: masks.contextScale=[0.4,1] masks.contextKeepFraction=0.25"
  "context-scale-0.65: masks.contextScale=[0.65,1]"
  "context-keep-0.25: masks.contextKeepFraction=0.25"
  "context-keep-0.55: masks.contextKeepFraction=0.55"
  "target-placement-even: masks.targetPlacement=even"
  "predictor-depth-1: model.predictorDepth=1"
  "predictor-depth-6: model.predictorDepth=6"
  "predictor-width-32: model.predictorWidth=32"
  "predictor-width-128: model.predictorWidth=128"
  "weight-decay-constant: schedule.weightDecay=0.05 schedule.finalWeightDecay=0.05"
  "ema-constant: schedule.emaEnd=0.99"
  "ema-0.996: schedule.emaStart=0.996"
)

# stage NAME FLAG...: shows the command and runs it; what is up to date is left alone.
stage() {
  printf '$ deno task %s\n' "$*" >&2
  "${deno[@]}" task --quiet "$@" >>"$work/results.jsonl"
}

# probe NAME: from the encoder NAME to its scores.
probe() {
  local split
  for split in train test; do
    stage features --encoder "$work/$1/encoder" --shards "$work/test-shards" --split "$split" \
      --out "$work/$1/$split.arrow"
  done
  stage probe --train "$work/$1/train.arrow" --test "$work/$1/test.arrow" --out "$work/$1/probe"
}

mkdir -p "$work"
: >"$work/results.jsonl"

stage scenes --out "$work/scenes" --count "$images" --size 32 --seed 0
stage scenes --out "$work/test-scenes" --count "$test_images" --size 32 --seed 1
stage shard --images "$work/scenes" --out "$work/shards"
stage shard --images "$work/test-scenes" --out "$work/test-shards" --holdout 0.3333

compared=()
for row in "${rows[@]}"; do
  name=${row%%:*}
  if ! [[ $name =~ $pattern ]]; then continue; fi
  settings=()
  for setting in ${row#*:}; do settings+=(--set "$setting"); done
  printf '\n[%d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$name" >&2
  mkdir -p "$work/$name"
  stage pretrain --shards "$work/shards" --out "$work/$name/run" --preset scenes --steps "$steps" \
    ${settings[@]+"${settings[@]}"}
  stage checkpoint --run "$work/$name/run" --out "$work/$name/encoder"
  probe "$name"
  compared+=(--probes "$name=$work/$name/probe")
  if [ "$name" = method ]; then
    # The same encoder before its first step: whatever is below it has learned nothing.
    mkdir -p "$work/random"
    stage checkpoint --run "$work/method/run" --out "$work/random/encoder" --step 0
    probe random
    compared+=(--probes "random=$work/random/probe")
  fi
done

if [ ${#compared[@]} -eq 0 ]; then
  echo "ablation: no row matches \"$pattern\", the names stand in pipelines/ablation.sh" >&2
  exit 2
fi
stage compare "${compared[@]}" --out "$work/table.md" --force
printf '\nablation: %d:%02d; the table is in %s/table.md\n' \
  $((SECONDS / 60)) $((SECONDS % 60)) "$work" >&2
