# What the long pipelines share; they read it with `source`. Before: work=DIRECTORY, steps=N and pipeline=NAME.
# shellcheck shell=bash

deno=(deno)
command -v deno >/dev/null || deno=(npx -y deno)
step=0
mkdir -p "$work"
: >"$work/results.jsonl"

# Seconds that stages have worked, in this call and in earlier ones that were interrupted.
spent=$(cat "$work/seconds" 2>/dev/null || true)
[[ $spent =~ ^[0-9]{1,7}$ ]] || spent=0
spent=$((10#$spent))
begun=

# clock SECONDS: as minutes:seconds.
clock() {
  printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# explain TEXT: what the next commands are for.
explain() {
  step=$((step + 1))
  printf '\n[%d/%d, %s] %s\n' "$step" "$steps" "$(clock "$spent")" "$1" >&2
}

# Adds the seconds of the stage under way.
count_seconds() {
  if [ -n "$begun" ]; then
    spent=$((spent + SECONDS - begun))
    begun=
    printf '%d\n' "$spent" >"$work/seconds"
  fi
}

# stage NAME FLAG...: shows the command and runs it; what is up to date is left alone, and its seconds are not counted.
stage() {
  local status=0
  printf '$ deno task %s\n' "$*" >&2
  begun=$SECONDS
  "${deno[@]}" task --quiet "$@" >>"$work/results.jsonl" || status=$?
  if [ "$status" -eq 0 ] && tail -n 1 "$work/results.jsonl" | grep -q '"status":"up to date"'; then
    begun=
  fi
  count_seconds
  return "$status"
}

# step_seconds RUN: the median of its last twenty steps.
step_seconds() {
  tail -n 20 "$1/metrics.jsonl" | sed -n 's/.*"seconds":\([0-9.e-]*\).*/\1/p' | sort -g |
    awk '{ values[NR] = $1 } END { print values[int((NR + 1) / 2)] }'
}

# Says what a failure of a stage means for the whole.
explain_end() {
  local status=$?
  count_seconds
  case $status in
    0) ;;
    75 | 130 | 143) echo "$pipeline: stopped after $(clock "$spent"); run it again to go on" >&2 ;;
    *) echo "$pipeline: the command above ended with $status; mend the cause and run it again to go on" >&2 ;;
  esac
}
trap explain_end EXIT
# The stage under way ends first; then the shell, with the right status.
trap 'exit 130' INT
trap 'exit 143' TERM
