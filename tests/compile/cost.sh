# cost.sh lines|seconds COMPILER FLAG...: what the headers cost their users, floor by floor, each with the floors to its left, beside Eigen
# and xtensor, which the library includes. Lines are what the compiler sees after preprocessing; seconds, of CPU, what it takes for them
# with -fsyntax-only. Fails when a floor is beyond its budget, a multiple of Eigen and xtensor: the first of lines, the second of seconds.
# CTest asserts the lines; seconds are for the hand (CONTRIBUTING.md).
measure=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cost() {  # cost FILE FLAG...
  file=$1
  shift
  if [ "$measure" = lines ]; then
    "$@" "-I$root/include" -E -P "$file" | wc -l
  else
    "$@" "-I$root/include" -fsyntax-only "$file" && times >"$work/times" && awk 'NR == 2 { split($1, t, /[ms]/); print 60 * t[1] + t[2] }' "$work/times"
  fi
}
row() {  # row NAME LINES_BUDGET SECONDS_BUDGET COMPILER FLAG...
  name=$1 budget=$2
  if [ "$measure" = seconds ]; then budget=$3; fi
  shift 3
  took=$(cost "$work/$name.cpp" "$@")
  awk -v name="$name" -v took="$took" -v base="$base" -v budget="$budget" 'BEGIN {
    printf "%-18s %8.6g %6.2f of %.2f\n", name, took, took / base, budget; exit !(took > 0 && took <= budget * base) }' || failed=1
}

printf '#include <Eigen/Core>\n#include <trimtab/core/adapt_xtensor.hpp>\n' >"$work/base.cpp"
base=$(cost "$work/base.cpp" "$@")
failed=0
echo "Eigen and xtensor: $base $measure; floors as multiples of it, with their budgets"
while read -r floor lines seconds; do
  (cd "$root/include" && printf '#include <%s>\n' trimtab/"$floor"/*.hpp) | grep -v 'io/tflite' >"$work/$floor.cpp"
  if [ "$floor" = io ] && ! "$@" "-I$root/include" -E "$work/io.cpp" >/dev/null 2>&1; then
    echo "io: not measured, its libraries are not there"
  else
    row "$floor" "$lines" "$seconds" "$@"
  fi
done <<END
core 1.2 1.6
quant 0.5 1.0
ops 1.2 2.6
int8 0.9 2.0
transform 0.5 1.0
train 0.5 1.0
net 1.6 6.0
io 2.0 8.0
END
echo '#include <trimtab/trimtab.hpp>' >"$work/umbrella.cpp"
row umbrella 1.6 6.0 "$@"
cp "$work/umbrella.cpp" "$work/extern_kernels.cpp"
row extern_kernels 1.3 4.0 "$@" -DTRIMTAB_EXTERN_KERNELS
exit $failed
