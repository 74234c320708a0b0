#!/usr/bin/env bash
# Builds the tests of core, quant and int8 for 64-bit ARM and runs them in QEMU's user mode: the SDOT and portable kernels on an
# architecture that has FMA to begin with. Then compares the bits of grids and codes with this machine's.
# Debian: g++-aarch64-linux-gnu qemu-user. tests/cross/aarch64.sh [FOLDER]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:-$root/build/aarch64}
for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: no $tool (Debian: g++-aarch64-linux-gnu qemu-user)"; exit 0; }
done

# Headers are all that is wanted of Eigen, xtensor and Catch2, and these are the same for every architecture; copied aside, since
# the host's /usr/include holds its C library, too.
mkdir -p "$work/include"
for header in eigen3/Eigen eigen3/unsupported xtensor xtl catch2 nlohmann; do
  cp -rL "/usr/include/$header" "$work/include/"
done
flags=(-std=c++20 -O2 -fopenmp -Wall -Wextra -Werror -DEIGEN_DONT_PARALLELIZE "-DTRIMTAB_SHARED_DATA=\"\"" "-I$root/include" "-I$root/tests/support"
       -isystem "$work/include")
aarch64-linux-gnu-g++ "${flags[@]}" -c "$root/tests/support/catch_main.cpp" -o "$work/main.o"
for floor in core quant int8; do
  objects=()
  for source in "$root/tests/$floor"/*_test.cpp; do
    object=$work/${floor}_$(basename "$source" .cpp).o
    aarch64-linux-gnu-g++ "${flags[@]}" -c "$source" -o "$object"
    objects+=("$object")
  done
  aarch64-linux-gnu-g++ -fopenmp -static "$work/main.o" "${objects[@]}" -o "$work/test_$floor"
  echo "$floor on $(aarch64-linux-gnu-g++ -dumpmachine):"
  qemu-aarch64 "$work/test_$floor" "~[long]~[real]"
done

codes() {  # codes PROGRAM COMPILER FLAG...: compiles what compile.flags compares
  local program=$1
  shift
  "$@" -DTRIMTAB_PART=codes "-DTRIMTAB_PARTS(P)=P(codes)" -DTRIMTAB_PORTABLE_ONLY "$root"/tests/compile/flags_{part,main}.cpp -o "$program"
}
codes "$work/codes_arm" aarch64-linux-gnu-g++ "${flags[@]}" -static
codes "$work/codes_here" g++ "${flags[@]}"
qemu-aarch64 "$work/codes_arm" | tee "$work/codes_arm.txt"
"$work/codes_here" | diff "$work/codes_arm.txt" - && echo "the same bits on $(g++ -dumpmachine)"
