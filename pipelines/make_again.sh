#!/bin/sh
# What pipeline.mk does where shards or a run may be stale: pipelines/make_again.sh shards|run OUT COMMAND...
# The stage decides by content. It ends with 73 when what is there was made from something else; then shards are
# replaced, unless an unfinished run needs them, and a finished run is kept under another name.
set -eu
what=$1
out=$2
shift 2

status=0
"$@" || status=$?
if [ "$status" -ne 73 ] || [ ! -e "$out/$what/receipt.json" ]; then exit "$status"; fi

case $what in
  shards)
    if [ -e "$out/run" ] && [ ! -e "$out/run/receipt.json" ]; then
      echo "pipeline: the shards stay as they are, since the unfinished run $out/run needs them:" \
        "undo the change of images or flags and run make again to finish it," \
        "or give another OUT, or move $out/run away to start over" >&2
      exit 73
    fi
    echo "pipeline: images or flags have changed, making the shards again" >&2
    exec "$@" --force
    ;;
  run)
    number=1
    while [ -e "$out/run-$number" ]; do number=$((number + 1)); done
    mv "$out/run" "$out/run-$number"
    echo "pipeline: the finished run is kept as $out/run-$number, training again" >&2
    exec "$@"
    ;;
esac
