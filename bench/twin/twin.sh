#!/usr/bin/env bash
# The same training run twice, by this project and by PyTorch: bench/twin/twin.sh [DIRECTORY] [FIGURE].
# 200 steps on scenes; then PyTorch repeats them on the recorded batches: from the same weights, from the same in
# float64, and from random weights of its own, as this project does with other seeds. Ends with losses, distances of
# weights, probes of all encoders, and a figure: about 20 minutes on 2 cores.
# Needs Python 3.11 or later; PyTorch goes into a virtual environment below runs/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

deno=(deno)
command -v deno >/dev/null || deno=(npx -y deno)
work=${1:-runs/twin}
figure=${2:-$work/twin.svg}
python=runs/peers-python
seeds=(1 2 3 4 5)

# stage NAME FLAG...: shows the command and runs it; what is up to date is left alone.
stage() {
  printf '$ deno task %s\n' "$*" >&2
  "${deno[@]}" task --quiet "$@" >>"$work/results.jsonl"
}

# train NAME SEED: the run of this project. The preset would warm up over all of the 200 steps; with 40 there is the rise
# of the learning rate and its whole fall.
train() {
  stage pretrain --shards "$work/shards" --out "$work/$1" --preset scenes --steps 200 \
    --set schedule.warmupSteps=40 --seed "$2"
}

# twin NAME FLAG...: a run of PyTorch on the recorded batches, into $work/NAME.
twin() {
  local name=$1
  shift
  printf '$ python bench/peers/twin.py: %s\n' "$name" >&2
  "$python/bin/python" bench/peers/twin.py "$work/record" --encoder "$work/ours" \
    --out "$work/$name" "$@"
}

# probe NAME ENCODER: what can be read from the vectors of an encoder.
probe() {
  for split in train test; do
    stage features --encoder "$2" --shards "$work/shards" --split "$split" \
      --out "$work/$1-$split.arrow" --force
  done
  stage probe --train "$work/$1-train.arrow" --test "$work/$1-test.arrow" \
    --out "$work/probe-$1" --force
}

mkdir -p "$work"
: >"$work/results.jsonl"

bash bench/peers/environment.sh "$python"
"$python/bin/python" bench/peers/check.py >&2

stage scenes --out "$work/scenes" --count 6000 --size 32 --seed 0
stage shard --images "$work/scenes" --out "$work/shards" --holdout 0.3333
train run 0
stage checkpoint --run "$work/run" --out "$work/ours"
stage checkpoint --run "$work/run" --out "$work/random" --step 0
for seed in "${seeds[@]}"; do
  train "run-$seed" "$seed"
  stage checkpoint --run "$work/run-$seed" --out "$work/ours-$seed"
done

"${deno[@]}" run --no-prompt --allow-read --allow-write --allow-ffi \
  --allow-env=npm_package_config_libvips,MALLOC_ARENA_MAX,ORT_DISABLE_TELEMETRY \
  bench/twin/record.ts "$work/run" "$work/shards" "$work/record"
twin twin
twin double --float64
for seed in "${seeds[@]}"; do twin "own-$seed" --own-init "$seed"; done

for name in ours random "${seeds[@]/#/ours-}"; do probe "$name" "$work/$name"; done
for name in twin "${seeds[@]/#/own-}"; do probe "$name" "$work/$name/encoder"; done

"${deno[@]}" run --no-prompt --allow-read --allow-write bench/twin/report.ts "$work" "$figure"
