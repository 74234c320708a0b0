#!/bin/sh
# Small networks drawn at random, float and quantized, here and in ONNX Runtime; and float ones, quantized and written here, in ONNX Runtime.
#
#   NODE_PATH=DIR/node_modules tests/onnxruntime/random.sh COUNT [SEED [KIND...]]
#
# COUNT of each KIND (float qdq qoperator written), from SEED (1) on; COUNT 1 runs one seed alone. RANDOM_NETWORKS names the program, else
# build/tests/onnxruntime/random_networks; RANDOM_KEEP=1 leaves the files in $TMPDIR/trimtab_random.
set -u
here=$(dirname "$0")
program=${RANDOM_NETWORKS:-$here/../../build/tests/onnxruntime/random_networks}
count=$1 seed=${2:-1} status=0
[ $# -ge 2 ] && shift
shift
for kind in ${*:-float qdq qoperator written}; do
  node "$here/random.cjs" "$program" "${TMPDIR:-/tmp}/trimtab_random/$kind" "$kind" "$count" "$seed"
  result=$?
  [ $result -eq 77 ] && exit 77
  [ $result -eq 0 ] || status=1
done
exit $status
