#!/usr/bin/env bash
# Makes the virtual environment of the Python programs in this folder, unless it is there: environment.sh FOLDER.
# Needs Python 3.11 or later. FOLDER/requirements.txt is copied last: where it is the same as here, all is installed.
set -euo pipefail
wanted=$(dirname "${BASH_SOURCE[0]}")/requirements.txt
folder=$1

cmp -s "$wanted" "$folder/requirements.txt" && exit
printf 'making "%s" for the peers: some minutes the first time\n' "$folder" >&2
python3 -m venv --clear "$folder"
"$folder/bin/pip" install --quiet --requirement "$wanted"
# A peer that not every package index has: measures leave it out, and say so.
"$folder/bin/pip" install --quiet --retries 0 webdataset==1.0.2 ||
  printf 'webdataset 1.0.2 cannot be installed: the loader is measured without it\n' >&2
cp "$wanted" "$folder/requirements.txt"
