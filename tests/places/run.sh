#!/usr/bin/env bash
# One network, one hash of its codes, in many places: compiles place.cpp for other machines, runs it in emulators, and compares what it
# prints with what PROGRAM, place.cpp of this machine, prints for the same files.
# Debian: g++-s390x-linux-gnu g++-aarch64-linux-gnu g++-arm-linux-gnueabihf g++-riscv64-linux-gnu qemu-user, emscripten nodejs,
# g++-mingw-w64-x86-64-posix wine64 wine.
# tests/places/run.sh [--only PLACE] FOLDER PROGRAM NETWORK.trimtab PICTURE...     compiled programs are kept in FOLDER
set -euo pipefail
only=
if [ "${1:-}" = --only ]; then
  only=$2
  shift 2
fi
[ $# -ge 4 ] || { echo "usage: $0 [--only PLACE] FOLDER PROGRAM NETWORK.trimtab PICTURE..." >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$1 program=$2
shift 2
files=("$@")
mkdir -p "$work/include"
work=$(cd "$work" && pwd)

# Headers are all that is wanted of Eigen, xtensor and stb, and these are the same for every architecture; linked aside, since the host's
# /usr/include holds its C library, too.
for header in eigen3/Eigen eigen3/unsupported xtensor xtl nlohmann stb; do
  ln -sfn "/usr/include/$header" "$work/include/${header##*/}"
done

expected='' failed=0 hashes=0 known=0
run() {  # run WHAT COMMAND...: a hash for each of its instruction sets
  local what=$1 lines line
  shift
  if ! lines=$("$@" "${files[@]}" 2>"$work/complaint"); then
    echo "FAILED    $what: $(tail -1 "$work/complaint")"
    failed=1
    return
  fi
  while read -r line; do
    local hash=${line%% *}
    echo "$hash  $what: ${line#* }"
    hashes=$((hashes + 1))
    [ "$hash" = "${expected:=$hash}" ] || { echo "FAILED    $what: another hash than here"; failed=1; }
  done <<<"${lines//$'\r'/}"
}
place() {  # place NAME WHAT COMPILER FLAGS RUN: compiles place.cpp with COMPILER FLAGS, runs it with RUN
  local name=$1 what=$2 compiler=$3 flags=$4 run=$5 tool
  [ -z "$only" ] || [ "$only" = "$name" ] || return 0
  known=1
  for tool in "$compiler" "${run%% *}"; do
    command -v "$tool" >/dev/null || { echo "          $what: skipped: no $tool"; return 0; }
  done
  local binary=$work/place_$name
  case $name in wasm) binary+=.js ;; windows) binary+=.exe ;; esac
  if [ -n "$(find "$root/include" "$here/place.cpp" -newer "$binary" -print -quit 2>/dev/null || echo none)" ]; then
    # shellcheck disable=SC2086
    "$compiler" -std=c++20 -O1 -Wall -Wextra -Werror -DEIGEN_DONT_PARALLELIZE "-I$root/include" -isystem "$work/include" $flags \
      "$here/place.cpp" -o "$binary"
  fi
  # shellcheck disable=SC2086
  run "$what" $run "$binary"
}
# Debian's Emscripten needs its node-acorn, which a Node.js from elsewhere does not look for there.
export NODE_PATH=${NODE_PATH:+$NODE_PATH:}/usr/share/nodejs
export WINEDEBUG=-all "WINEPREFIX=$work/wine"
run here "$program"
place s390x "s390x, big endian, QEMU" s390x-linux-gnu-g++ -static qemu-s390x
place aarch64 "AArch64, QEMU" aarch64-linux-gnu-g++ "-static -Wno-psabi" "qemu-aarch64 -cpu max"
place arm "ARM, 32 bits, QEMU" arm-linux-gnueabihf-g++ "-static -Wno-psabi" qemu-arm
place riscv64 "RISC-V, QEMU" riscv64-linux-gnu-g++ -static qemu-riscv64
place wasm "WebAssembly, Node" em++ "-O2 -msimd128 -fexceptions -sNODERAWFS=1 -sWASM_ASYNC_COMPILATION=0 -sALLOW_MEMORY_GROWTH=1" node
place windows "Windows, Wine" x86_64-w64-mingw32-g++-posix -static wine
[ $known = 1 ] || { echo "$0: no place is called $only" >&2; exit 2; }
[ $failed = 1 ] || echo "$expected  $hashes times"
exit $failed
