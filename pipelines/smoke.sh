#!/usr/bin/env bash
# The whole chain at toy size, every result checked: pipelines/smoke.sh [DIRECTORY]
# Without a directory it works in a temporary one and removes it. The last line is "smoke: N passed, N failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deno=(deno)
command -v deno >/dev/null || deno=(npx -y deno)

if [ $# -gt 0 ]; then
  mkdir -p "$1"
  work=$1
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
passed=0
failed=0

# check TEXT COMMAND...: counts one check, and goes on when it fails.
check() {
  local text=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "smoke: ok: $text"
  else
    failed=$((failed + 1))
    echo "smoke: FAILED: $text"
  fi
}

# stage NAME FLAG...: runs a stage twice. The first makes something, the second finds it up to date.
stage() {
  local name=$1 status=0
  echo "smoke: deno task $*"
  "${deno[@]}" task --quiet "$@" >"$work/stdout.json" 2>"$work/stderr.txt" || status=$?
  if [ "$status" -ne 0 ]; then cat "$work/stderr.txt"; fi
  check "$name ends with 0, got $status" [ "$status" -eq 0 ]
  check "$name prints one line" [ "$(wc -l <"$work/stdout.json")" -eq 1 ]
  check "$name is done" grep -q '"status":"done"' "$work/stdout.json"
  "${deno[@]}" task --quiet "$@" >"$work/stdout.json" 2>"$work/stderr.txt" || cat "$work/stderr.txt"
  check "$name is up to date afterwards" grep -q '"status":"up to date"' "$work/stdout.json"
}

# json FILE EXPRESSION: whether an expression holds for the JSON in a file.
json() {
  # shellcheck disable=SC2016 # The quoted text is JavaScript.
  "${deno[@]}" eval --quiet \
    'const [path, test] = Deno.args;
     const value = JSON.parse(Deno.readTextFileSync(path));
     Deno.exit(new Function("value", `return ${test}`)(value) === true ? 0 : 1);' \
    "$1" "$2"
}

started=$SECONDS

stage scenes --out "$work/scenes" --count 120 --size 32
check "120 pictures" [ "$(find "$work/scenes" -name '*.jpg' | wc -l)" -eq 120 ]
check "a line per picture and a head" [ "$(wc -l <"$work/scenes/labels.csv")" -eq 121 ]

stage shard --images "$work/scenes" --out "$work/shards" --holdout 0.3
check "two splits of 120 images" json "$work/shards/manifest.json" \
  'value.splits.train.images + value.splits.test.images === 120'
tar -tf "$work/shards/train-000000.tar" >"$work/members.txt"
check "tar lists a picture and its labels" \
  [ "$(grep -c 'jpg$' "$work/members.txt")" -eq "$(grep -c 'json$' "$work/members.txt")" ]

stage pretrain --shards "$work/shards" --out "$work/run" --preset smoke
check "a line of metrics per step" [ "$(wc -l <"$work/run/metrics.jsonl")" -eq 20 ]
tail -n 1 "$work/run/metrics.jsonl" >"$work/last.json"
check "a finite loss at the end" json "$work/last.json" \
  'value.step === 19 && Number.isFinite(value.loss) && value.loss > 0'

stage checkpoint --run "$work/run" --out "$work/encoder"
stage checkpoint --run "$work/run" --out "$work/random" --step 0
for file in config.json preprocessor_config.json model.safetensors onnx/model.onnx README.md; do
  check "encoder/$file" [ -s "$work/encoder/$file" ]
done

for name in encoder random; do
  for split in train test; do
    stage features --encoder "$work/$name" --shards "$work/shards" --split "$split" \
      --out "$work/$name-$split.arrow"
  done
  stage probe --train "$work/$name-train.arrow" --test "$work/$name-test.arrow" \
    --out "$work/probe-$name"
  check "scores of three labels" json "$work/probe-$name/metrics.json" 'value.labels.length === 3'
done

stage compare --probes "pretrained=$work/probe-encoder" --probes "random=$work/probe-random" \
  --out "$work/table.md"
check "a table of three labels" [ "$(wc -l <"$work/table.md")" -eq 5 ]

stage masks --out "$work/masks.html" --preset smoke --steps 5
check "a page of eight images, two maps and two histograms" \
  [ "$(grep -c '<svg ' "$work/masks.html")" -eq 12 ]

status=0
"${deno[@]}" task --quiet shard --images "$work/none" --out "$work/none-shards" 2>/dev/null || status=$?
check "a missing folder ends with 66, got $status" [ "$status" -eq 66 ]
check "and leaves nothing" [ ! -e "$work/none-shards" ]
status=0
"${deno[@]}" task --quiet probe --tarin x 2>/dev/null || status=$?
check "an unknown flag ends with 2, got $status" [ "$status" -eq 2 ]

echo "smoke: $((SECONDS - started)) seconds"
echo "smoke: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
