#!/usr/bin/env bash
# The reference run in PyTorch: bench/twin/reference.sh DIRECTORY [PYTHON], where pipelines/reference.sh has worked.
# For each of its seeds, on the same crops, masks and values of the schedules: the same network from random weights of
# PyTorch's own (bench/peers/twin.py), and, for scale, one that learns the labels (bench/peers/supervised.py). Both are
# probed as the others are. Ends with a table of all, on stdout and in DIRECTORY/twin/table.md. What is complete is kept.
# A record of 1,000 steps of 64 pictures of 32 x 32 takes 0.8 GB below DIRECTORY/twin, one seed at a time.
# PYTHON has the packages of bench/peers/requirements.txt; without it they go into a virtual environment below runs/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

reference=${1:?wanted the DIRECTORY of pipelines/reference.sh}
if [ ! -s "$reference/settings" ]; then
  echo "twin: \"$reference\" has no finished run: give the same directory to pipelines/reference.sh first" >&2
  exit 66
fi
# seeds, pool, test_shards, test_split
# shellcheck source=/dev/null
source "$reference/settings"
python=${2:-runs/peers-python/bin/python}
work=$reference/twin
threads=$(getconf _NPROCESSORS_ONLN)
steps=2
pipeline=twin
# shellcheck source-path=SCRIPTDIR source=../../pipelines/resumable.sh
source pipelines/resumable.sh

# train NAME SEED PROGRAM FLAG...: a run of PyTorch, into $work/NAME-SEED, with all threads.
train() {
  local out=$work/$1-$2 seed=$2 program=$3
  shift 3
  if [ -s "$out/summary.json" ]; then return; fi
  if [ ! -s "$work/record/record.json" ]; then
    printf '$ bench/twin/record.ts: the run with seed %s\n' "$seed" >&2
    "${deno[@]}" run --no-prompt --allow-read --allow-write --allow-ffi \
      --allow-env=npm_package_config_libvips,MALLOC_ARENA_MAX,ORT_DISABLE_TELEMETRY \
      bench/twin/record.ts "$reference/run-$seed" "$reference/shards" "$work/record"
  fi
  printf '$ python bench/peers/%s.py: seed %s\n' "$program" "$seed" >&2
  "$python" "bench/peers/$program.py" "$work/record" --encoder "$reference/encoder-$seed" --out "$out" \
    --threads "$threads" "$@"
}

# probe NAME: what can be read from the vectors of its encoder.
probe() {
  stage features --encoder "$work/$1/encoder" --shards "$reference/shards" --split train \
    --out "$work/$1/train.arrow" --pool "$pool"
  stage features --encoder "$work/$1/encoder" --shards "$test_shards" --split "$test_split" \
    --out "$work/$1/test.arrow" --pool "$pool"
  stage probe --train "$work/$1/train.arrow" --test "$work/$1/test.arrow" --out "$work/$1/probe"
}

if [ $# -lt 2 ]; then bash bench/peers/environment.sh runs/peers-python; fi
"$python" bench/peers/check.py >&2

explain "Train in PyTorch, without labels and with them"
for ((seed = 0; seed < seeds; seed++)); do
  rm -rf "$work/record"
  train pytorch "$seed" twin --own-init "$seed"
  train supervised "$seed" supervised --seed "$seed"
done
rm -rf "$work/record"

explain "Probe, and set all side by side"
compared=()
for ((seed = 0; seed < seeds; seed++)); do
  probe "pytorch-$seed"
  probe "supervised-$seed"
done
for row in "pretrained:$reference/pretrained" "the same in PyTorch:$work/pytorch" \
  "supervised, in PyTorch:$work/supervised" "random initialisation:$reference/random" \
  "pixel targets, equal time:$reference/pixel-targets"; do
  for ((seed = 0; seed < seeds; seed++)); do
    compared+=(--probes "${row%%:*}=${row#*:}-$seed/probe")
  done
done
compared+=(--probes "raw pixels=$reference/pixels/probe")
stage compare "${compared[@]}" --methods all --out "$work/compared.md" --force

# minutes NAME: what all of its runs have taken, in the mean, without waiting for images.
minutes() {
  cat "$work/$1"-*/summary.json | sed -n 's/.*"seconds": \([0-9.e-]*\).*/\1/p' |
    awk '{ sum += $1 } END { printf "%.1f\n", sum / NR / 60 }'
}

{
  cat "$work/compared.md"
  printf '\nMinutes of training a run, %s threads: PyTorch %s, supervised %s (both without reading images); ours %s.\n' \
    "$threads" "$(minutes pytorch)" "$(minutes supervised)" \
    "$(cat "$reference"/run-[0-9]*/metrics.jsonl | sed -n 's/.*"seconds":\([0-9.e-]*\).*/\1/p' |
      awk -v seeds="$seeds" '{ sum += $1 } END { printf "%.1f\n", sum / seeds / 60 }')"
} >"$work/table.md"
cat "$work/table.md"
