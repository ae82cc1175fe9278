#!/usr/bin/env bash
# Learning from real pictures, end to end: pipelines/reference.sh [DIRECTORY] [FLAG...]
# Trains an encoder without labels, then asks what a linear map and the nearest neighbours can read from it, from the
# same encoder before its first step, from the raw pixels, and from an encoder that has learned to predict pixels for as
# long. Ends with a table in Markdown, on stdout and in DIRECTORY/reference.md. Stop it at any time: the next call goes
# on from there.
#   --data fashion    60,000 + 10,000 pictures of clothes (Fashion-MNIST), its official split; the default
#   --data digits     scikit-learn's 1,797 digits of 8 x 8, every fourth tests; made by Python unless --from is given
#   --data letters    60,000 + 10,000 rendered letters over coloured noise
#   --data scenes     60,000 + 10,000 rendered scenes
#   --from DIR        folder with the four files of Fashion-MNIST, or of others under the names of MNIST
#   --seeds N         so many runs: the table has their mean and standard deviation; 1 by default
#   --pool NAME       how the tokens of an image become one vector, as --pool of features
#   --recipe "FLAGS"  other flags of pretrain than the recipe's, the same for all data
#   --pictures N      only so many pictures to train on, and a third as many to test with
#   --quick           6,000 + 2,000 pictures, few steps, one seed, no pixel targets, mean of the tokens: two minutes;
#                     fails unless training beats the random encoder by a wide margin
# DIRECTORY is runs/reference-DATA by default, with -quick behind it for --quick.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The recipe, one for all data.
recipe="--preset vitxs4-28"
recipe_pool=3x3
quick_recipe="--set schedule.steps=400 --set schedule.warmupSteps=50"
quick_pool=mean
# Points of accuracy of the first label, nearest neighbours, that --quick wants between the trained and the random
# encoder. One run on Fashion-MNIST had 11.
quick_margin=6

data=fashion
pool=
from=
seeds=1
pictures=
quick=
work=

refuse() {
  printf 'reference: %s\n' "$2" >&2
  exit "$1"
}

while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=1 ;;
    --data | --from | --seeds | --pool | --recipe | --pictures)
      [ $# -gt 1 ] || refuse 2 "$1 needs a value, see the head of pipelines/reference.sh"
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    -*) refuse 2 "unknown flag \"$1\", see the head of pipelines/reference.sh" ;;
    *)
      [ -z "$work" ] || refuse 2 "wanted one directory, got \"$work\" and \"$1\""
      work=$1
      ;;
  esac
  shift
done
[[ $data =~ ^(fashion|digits|letters|scenes)$ ]] ||
  refuse 2 "--data wants fashion, digits, letters or scenes, got \"$data\""
[[ $seeds =~ ^[1-9][0-9]?$ ]] || refuse 2 "--seeds wants a number from 1 to 99, got \"$seeds\""
[[ $pictures =~ ^([1-9][0-9]{0,6})?$ ]] || refuse 2 "--pictures wants a number, got \"$pictures\""
[[ ! " $recipe " =~ \ --(steps|epochs|seed|shards|out)[\ =]|schedule\.(e|warmupE)pochs= ]] ||
  refuse 2 "--recipe wants lengths in steps, as --set schedule.steps=N, and no seed and no paths, got \"$recipe\""
if [ -n "$quick" ]; then
  recipe="$recipe $quick_recipe"
  recipe_pool=$quick_pool
  seeds=1
  pictures=${pictures:-6000}
fi
pool=${pool:-$recipe_pool}
work=${work:-runs/reference-$data${quick:+-quick}}
read -ra training <<<"$recipe"
digits=runs/digits

# idx_file NAME: a file of MNIST's names, compressed or not.
idx_file() {
  local path
  for path in "$from/$1.gz" "$from/$1"; do
    if [ -f "$path" ]; then
      printf '%s\n' "$path"
      return
    fi
  done
}

if [ "$data" = digits ] && [ -z "$from" ]; then
  bash bench/peers/digits.sh "$digits"
  from=$digits
fi
if [ "$data" = fashion ] || [ "$data" = digits ]; then
  from=${from:-/usr/share/datasets/fashion-mnist}
  files=(train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte)
  for name in "${files[@]}"; do
    [ -n "$(idx_file "$name")" ] ||
      refuse 66 "\"$from\" has no $name.gz: install Fashion-MNIST (Debian, Ubuntu: apt-get install dataset-fashion-mnist) or give --from a folder with ${files[*]/%/.gz}"
  done
fi

steps=$((quick ? 7 : 8))
pipeline=reference
# shellcheck source-path=SCRIPTDIR source=resumable.sh
source pipelines/resumable.sh

# unpack NAME OUT COUNT FLAG...: the pictures of a pair of files, all or the first so many, as shards.
unpack() {
  local name=$1 out=$2 count=$3
  shift 3
  stage idx --images "$(idx_file "$name-images-idx3-ubyte")" \
    --labels "$(idx_file "$name-labels-idx1-ubyte")" --out "$out-pictures" ${count:+--count "$count"} "$@"
  stage shard --images "$out-pictures" --out "$out"
}

# render KIND TRAIN TEST: so many pictures as shards with two splits, nearly of these sizes.
render() {
  stage scenes --out "$work/pictures" --kind "$1" --count "$(($2 + $3))" --size 32
  stage shard --images "$work/pictures" --out "$work/shards" \
    --holdout "$(awk -v train="$2" -v test="$3" 'BEGIN { print test / (train + test) }')"
}

# manifest SHARDS PATH: a value of the manifest, as splits.train.images.
manifest() {
  "${deno[@]}" eval --quiet \
    "console.log(JSON.stringify((await new Response(Deno.stdin.readable).json()).$2))" <"$1/manifest.json"
}

# probe NAME ENCODER FLAG...: from an encoder to its scores.
probe() {
  local name=$1 encoder=$2
  shift 2
  mkdir -p "$work/$name"
  stage features --encoder "$encoder" --shards "$work/shards" --split train \
    --out "$work/$name/train.arrow" "$@"
  stage features --encoder "$encoder" --shards "$test_shards" --split "$test_split" \
    --out "$work/$name/test.arrow" "$@"
  stage probe --train "$work/$name/train.arrow" --test "$work/$name/test.arrow" --out "$work/$name/probe"
}

# pixel_target_steps: as many as take the time of the run with seed 0. Written down, so that it stays.
pixel_target_steps() {
  [ -s "$work/pixel-target-steps" ] ||
    awk -v steps="$(wc -l <"$work/run-0/metrics.jsonl")" -v ours="$(step_seconds "$work/run-0")" \
      -v theirs="$(step_seconds "$work/pixel-target-trial")" \
      'BEGIN { printf "%d\n", steps * ours / theirs + 0.5 }' >"$work/pixel-target-steps"
  cat "$work/pixel-target-steps"
}

# minutes RUN: what its steps have taken together.
minutes() {
  sed -n 's/.*"seconds":\([0-9.e-]*\).*/\1/p' "$1/metrics.jsonl" |
    awk '{ sum += $1 } END { printf "%.1f\n", sum / 60 }'
}

all_seeds=()
for ((seed = 0; seed < seeds; seed++)); do all_seeds+=("$seed"); done

explain "Pictures as files, packed into tar files: those to train on, and others to test with"
test_shards=$work/test-shards
test_split=train
case $data in
  fashion)
    classes="T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
    unpack train "$work/shards" "$pictures" --classes "$classes"
    unpack t10k "$test_shards" "${pictures:+$((pictures / 3))}" --classes "$classes"
    raw=grey:28
    ;;
  digits)
    unpack train "$work/shards" ""
    unpack t10k "$test_shards" ""
    raw=grey:8
    ;;
  *)
    kind=letters
    [ "$data" = letters ] || kind=shapes
    train=${pictures:-60000}
    render "$kind" "$train" "$((${pictures:-30000} / 3))"
    test_shards=$work/shards
    test_split=test
    raw=pixels:32
    ;;
esac

explain "Train: predict the content of hidden blocks from the rest of the picture, no labels"
# Normalised by what the training pictures have, unless the recipe says otherwise.
training=(
  --set "data.mean=$(manifest "$work/shards" channelMean)"
  --set "data.std=$(manifest "$work/shards" channelStd)"
  "${training[@]}"
)
for seed in "${all_seeds[@]}"; do
  stage pretrain --shards "$work/shards" --out "$work/run-$seed" "${training[@]}" --seed "$seed"
done

if [ -z "$quick" ]; then
  explain "Train the same network to predict the pixels of the blocks, for as long"
  stage pretrain --shards "$work/shards" --out "$work/pixel-target-trial" "${training[@]}" \
    --set objective.targets=pixels --set schedule.steps=40 --set schedule.warmupSteps=5
  for seed in "${all_seeds[@]}"; do
    stage pretrain --shards "$work/shards" --out "$work/pixel-target-run-$seed" "${training[@]}" \
      --set objective.targets=pixels --set "schedule.steps=$(pixel_target_steps)" --seed "$seed"
  done
fi

explain "Export the encoders, and those before their first step"
for seed in "${all_seeds[@]}"; do
  stage checkpoint --run "$work/run-$seed" --out "$work/encoder-$seed"
  stage checkpoint --run "$work/run-$seed" --out "$work/random-encoder-$seed" --step 0
  [ -n "$quick" ] ||
    stage checkpoint --run "$work/pixel-target-run-$seed" --out "$work/pixel-target-encoder-$seed"
done

explain "Describe every picture by numbers, and ask a linear map and the nearest neighbours: trained encoders"
compared=()
for seed in "${all_seeds[@]}"; do
  probe "pretrained-$seed" "$work/encoder-$seed" --pool "$pool"
  compared+=(--probes "pretrained=$work/pretrained-$seed/probe")
done

explain "The same of encoders before their first step, and of those that predict pixels"
for seed in "${all_seeds[@]}"; do
  probe "random-$seed" "$work/random-encoder-$seed" --pool "$pool"
  compared+=(--probes "random initialisation=$work/random-$seed/probe")
done
for seed in "${all_seeds[@]}"; do
  [ -z "$quick" ] || break
  probe "pixel-targets-$seed" "$work/pixel-target-encoder-$seed" --pool "$pool"
  compared+=(--probes "pixel targets, equal time=$work/pixel-targets-$seed/probe")
done

explain "The same of the pixels themselves"
probe pixels "$raw"
compared+=(--probes "raw pixels=$work/pixels/probe")

explain "The result"
stage compare "${compared[@]}" --methods all --out "$work/table.md" --force

# describe: what the table is of, in a sentence each.
describe() {
  printf '\n%s: %s training and %s test pictures; %d %s. ' "$data" \
    "$(manifest "$work/shards" splits.train.images)" \
    "$(manifest "$test_shards" "splits.$test_split.images")" "$seeds" \
    "$([ "$seeds" = 1 ] && echo seed || echo seeds)"
  printf 'Recipe: `%s`, normalised by the training pictures, pooled by `%s`. ' "$recipe" "$pool"
  printf '%d steps in %s minutes' "$(wc -l <"$work/run-0/metrics.jsonl")" "$(minutes "$work/run-0")"
  [ -n "$quick" ] || printf '; with pixel targets %d in %s' \
    "$(wc -l <"$work/pixel-target-run-0/metrics.jsonl")" "$(minutes "$work/pixel-target-run-0")"
  printf '. The whole took %s (%s).\n' "$(clock "$spent")" \
    "$(sed -n 's/^    "description": "\(.*\)"$/\1/p' "$work/run-0/config.json")"
}

{
  cat "$work/table.md"
  describe
} >"$work/reference.md"
# For bench/twin/reference.sh.
for name in seeds pool test_shards test_split; do printf '%s=%q\n' "$name" "${!name}"; done >"$work/settings"
cat "$work/reference.md"
printf '\nreference: %s; everything is in %s, the table in %s/reference.md\n' "$(clock "$spent")" "$work" "$work" >&2

if [ -n "$quick" ]; then
  # shellcheck disable=SC2016 # The quoted text is JavaScript.
  margin=$(tail -n 1 "$work/results.jsonl" | "${deno[@]}" eval --quiet \
    'const [line] = (await new Response(Deno.stdin.readable).text()).split("\n");
     const { scores } = JSON.parse(line).labels[0];
     const random = scores.find(({ source, method }) => source === "random initialisation" && method === "knn");
     console.log(random.pointsBehindFirst);')
  trap - EXIT
  if awk -v margin="$margin" -v wanted="$quick_margin" 'BEGIN { exit !(margin >= wanted) }'; then
    echo "reference: 1 passed, 0 failed: $margin points above the random encoder, wanted $quick_margin"
  else
    echo "reference: 0 passed, 1 failed: $margin points above the random encoder, wanted $quick_margin"
    exit 1
  fi
fi
