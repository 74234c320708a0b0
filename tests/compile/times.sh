#!/usr/bin/env bash
# How long the headers take to compile (g++ -fsyntax-only, seconds of CPU), floor by floor, each with the floors to its left, and beside
# Eigen and xtensor, which the library includes. Fails when a floor takes more than its budget, given as a multiple of these two, since
# seconds depend on the machine. tests/compile/times.sh [COMPILER]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
compiler=${1:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c++20 -fsyntax-only -DEIGEN_DONT_PARALLELIZE "-I$root/include" -isystem /usr/include/eigen3)

seconds() {  # seconds NAME: to compile NAME.cpp
  local TIMEFORMAT=%U
  { time "$compiler" "${flags[@]}" "$work/$1.cpp"; } 2>&1
}
failed=0
row() {  # row NAME BUDGET
  local took
  took=$(seconds "$1")
  awk -v name="$1" -v took="$took" -v base="$base" -v budget="$2" 'BEGIN {
    printf "%-10s %6.1f s %6.2f of %.2f\n", name, took, took / base, budget; exit took > budget * base }' || failed=1
}

printf '#include <Eigen/Core>\n#include <xtensor/xarray.hpp>\n' >"$work/base.cpp"
base=$(seconds base)
echo "Eigen and xtensor alone: $base s; floors as multiples of it, with their budgets"
set -- core 1.6 quant 1.6 ops 2.6 int8 2.6 transform 2.2 train 1.0 net 5.0
while [ $# -gt 0 ]; do
  (cd "$root/include" && printf '#include <%s>\n' trimtab/"$1"/*.hpp) >"$work/$1.cpp"
  row "$1" "$2"
  shift 2
done
echo '#include <trimtab/trimtab.hpp>' >"$work/umbrella.cpp"
row umbrella 5.0
exit $failed
