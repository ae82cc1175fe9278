#!/usr/bin/env bash
# scikit-learn's digits as files of MNIST's format, unless they are there: bench/peers/digits.sh DIRECTORY.
# Every fourth of the 1,797 pictures is a test picture. Needs Python 3.11 or later; scikit-learn goes into a virtual
# environment below runs/, in the version that the peers have.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=$1
python=runs/digits-python
# Written last: where it is, all four are.
[ ! -s "$out/t10k-labels-idx1-ubyte.gz" ] || exit 0
bash bench/peers/environment.sh "$python" numpy scipy scikit-learn
"$python/bin/python" bench/peers/digits.py "$out"
