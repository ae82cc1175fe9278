#!/usr/bin/env bash
# Makes the virtual environment of the Python programs in this folder, unless it is there:
# environment.sh FOLDER [PACKAGE...], with all packages of requirements.txt or with these of them.
# Needs Python 3.11 or later. FOLDER/requirements.txt is written last: where it is the same as wanted, all is installed.
set -euo pipefail
list=$(dirname "${BASH_SOURCE[0]}")/requirements.txt
folder=$1
shift

wanted=$(cat "$list")
if [ $# -gt 0 ]; then wanted=$(grep -E "^($(IFS='|' && echo "$*"))==" "$list"); fi
[ "$wanted" != "$(cat "$folder/requirements.txt" 2>/dev/null || true)" ] || exit 0
printf 'making "%s" for %s: some minutes the first time\n' "$folder" "${*:-the peers}" >&2
python3 -m venv --clear "$folder"
"$folder/bin/pip" install --quiet --requirement /dev/stdin <<<"$wanted"
if [ $# -eq 0 ]; then
  # A peer that not every package index has: measures leave it out, and say so.
  "$folder/bin/pip" install --quiet --retries 0 webdataset==1.0.2 ||
    printf 'webdataset 1.0.2 cannot be installed: the loader is measured without it\n' >&2
fi
printf '%s\n' "$wanted" >"$folder/requirements.txt"
