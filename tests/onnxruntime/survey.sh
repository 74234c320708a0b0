#!/bin/sh
# What becomes of ONNX files, float and quantized: each in ONNX Runtime (reference.cjs) and here (survey), one paragraph a file, and counts at the end.
#
#   NODE_PATH=DIR/node_modules tests/onnxruntime/survey.sh build/tests/onnxruntime/survey OUT FILE.onnx...
#
# OUT: a folder for references, kept for the next run. Without NODE_PATH files are run without a reference.
set -eu
here=$(dirname "$0")
survey=$1 out=$2
shift 2
mkdir -p "$out"
opened=0 good=0 all=0
for file in "$@"; do
  name=$(basename "$file" .onnx)
  of_reference=$(awk -F'\t' -v n="$name" '$1 == n { print $2 }' "$here/survey_inputs.tsv")
  of_survey=$(awk -F'\t' -v n="$name" '$1 == n { print $3 }' "$here/survey_inputs.tsv")
  echo "== $name"
  if [ -n "${NODE_PATH:-}" ] && [ ! -f "$out/$name/manifest.tsv" ]; then
    node "$here/reference.cjs" "$file" "$out/$name" $of_reference >"$out/$name.log" 2>&1 || sed 's/^/ONNX Runtime: /' "$out/$name.log"
  fi
  reference=
  [ -f "$out/$name/manifest.tsv" ] && reference="--reference $out/$name"
  if "$survey" "$file" $reference $of_survey >"$out/$name.txt" 2>&1; then good=$((good + 1)); fi
  grep -v '^note' "$out/$name.txt" || true
  grep -q '^refused.*read_onnx' "$out/$name.txt" || opened=$((opened + 1))
  all=$((all + 1))
done
echo "$opened of $all open; $good of them with ONNX Runtime's numbers (survey.cpp says how near), float ones with equal codes in four modes"
