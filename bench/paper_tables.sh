#!/usr/bin/env bash
# The paper's tables 1 and 2, its chain of section 4.2, and vector thresholds in depthwise layers alone (3.3), for any networks: twelve cells
# and more, with the paper's own numbers in brackets. docs/paper.md has what they gave.
#
#   bench/paper_tables.sh PROGRAM DATA MODEL...
#
# PROGRAM: build/bench/study. DATA: the folder with images/{train,evaluate}. MODEL: a float network, ONNX. The environment: TRAIN and JUDGE,
# pictures to quantize with and to judge by (100, 200); EPOCHS (6); SEEDS, draws of pictures (1); SUBJECTS (paper); PREPROCESS, MEAN,SCALE for
# networks that do not say it themselves.
set -euo pipefail
if (($# < 3)); then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
fi
program=$1 data=$(realpath "$2")
shift 2

# The training pictures of the networks' own domain.
own=$(mktemp -d)
trap 'rm -r "$own"' EXIT
ln -s "$data"/images/train/[0-9][0-9][0-9][0-9]_*.jpg "$own/"

for model in "$@"; do
  echo
  echo "$(basename "$model" .onnx)"
  # shellcheck disable=SC2086 # several subjects
  "$program" --model "$model" --own "$own" --images "$data/images/evaluate" --train "${TRAIN:-100}" --judge "${JUDGE:-200}" \
    --epochs "${EPOCHS:-6}" --seeds "${SEEDS:-1}" ${PREPROCESS:+--preprocess "$PREPROCESS"} ${SUBJECTS:-paper}
done
