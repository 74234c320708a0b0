#!/bin/sh
# How long a quantized network takes to load from each format, and what memory: a table of medians of nine processes.
#
#   bench/load.sh BUILD NETWORK.onnx PICTURES
#
# BUILD: the folder of the build. The float network is quantized with the pictures into .trimtab, .onnx and .tflite files first.
# Reading an .onnx file includes its self-check, a run of the network; reading a .trimtab or .tflite file does not. TFLite requantizes
# in fixed point: its codes are those of the .trimtab file of that arithmetic.
set -eu
[ $# -eq 3 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }
build=$1 network=$2 pictures=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
median() { cut -d ' ' -f "$1" "$folder/runs" | sort -n | sed -n 5p; }
row() {  # row ENDING REQUANTIZER
  file=$folder/net.$1
  "$build/tools/trimtab" quantize --quiet "$network" --images "$pictures" --calibrate "$pictures" --calibrate-count 8 --limit 8 \
    --execute int8 --requantize "$2" --out "$file" >/dev/null
  for _ in 1 2 3 4 5 6 7 8 9; do "$build/bench/load" "$file"; done >"$folder/runs"
  hashes=$(cut -d ' ' -f 5 "$folder/runs" | sort -u)
  echo "| .$1, $2 | $(wc -c <"$file") | $(median 1) | $(median 2) | $(median 3) | $(median 4) | $hashes |"
}
echo '| file | bytes | read, ms | pack, ms | first run, ms | peak, MB | hash of the outputs |'
echo '|---|---|---|---|---|---|---|'
row trimtab float
row onnx float
row trimtab fixed-point
row tflite fixed-point
