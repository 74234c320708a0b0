#!/bin/sh
# Data flows one way: a header includes its own floor or floors to the left of it, and within net/ its own folder or folders to the left.
# Containers of others are included by their adapters only, intrinsics by kernels only.
# Usage: floors.sh INCLUDE_FOLDER
set -eu
cd "$1/trimtab"
floors="core quant ops int8 transform train net mpi io"
rooms="graph operators quantize execute passes train report models"
rank() {  # rank NAME LIST: its place, or nothing
  i=0
  for name in $2; do
    i=$((i + 1))
    if [ "$name" = "$1" ]; then echo "$i"; fi
  done
}
wrong=0
grep -rnE '^#include <trimtab/[a-z0-9_]+/' --include='*.hpp' $floors | sed -E 's@^([^:]+):([0-9]+):#include <trimtab/([^>]+)>.*@\1 \2 \3@' >"${TMPDIR:-/tmp}/floors.$$"
while read -r from line to; do
  a=$(rank "${from%%/*}" "$floors") b=$(rank "${to%%/*}" "$floors")
  if [ -z "$b" ] || [ "$b" -gt "$a" ]; then
    echo "$from:$line includes $to, which is to the right of it"
    wrong=1
  fi
  case "$from $to" in
  net/*/*" net/"*/*)
    a=${from#net/} b=${to#net/}
    a=$(rank "${a%%/*}" "$rooms") b=$(rank "${b%%/*}" "$rooms")
    if [ -z "$a" ] || [ -z "$b" ] || [ "$b" -gt "$a" ]; then
      echo "$from:$line includes $to, whose folder is to the right of it"
      wrong=1
    fi
    ;;
  esac
done <"${TMPDIR:-/tmp}/floors.$$"
rm -f "${TMPDIR:-/tmp}/floors.$$"
elsewhere() {  # elsewhere INCLUDES HEADERS: complains of headers that include INCLUDES and are none of HEADERS
  if grep -rnE "^ *# *include <($1)" --include='*.hpp' . | grep -vE "^\./[^:]*($2)"; then
    echo "is included by $2 only"
    wrong=1
  fi
}
elsewhere 'xtensor/|Eigen/|unsupported/Eigen/' 'core/adapt_'
elsewhere '[a-z]*mmintrin\.h|immintrin\.h|arm_neon\.h|wasm_simd128\.h' 'kernels/'
[ "$wrong" -eq 0 ] && echo "every header includes its own floor or floors to the left"
exit $wrong
